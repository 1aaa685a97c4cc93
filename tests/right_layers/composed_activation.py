# subject: Layer
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: holds
# make: layer = Layer(i, o)
# how: layer.affine.W, layer.affine.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class AffinePart:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dz):
        self.dW = self.x.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.W.T


class SigmoidPart:
    def forward(self, z):
        self.a = 1.0 / (1.0 + np.exp(-z))
        return self.a

    def backward(self, da):
        return da * self.a * (1.0 - self.a)


class Layer:
    def __init__(self, n_in, n_out, activation=SigmoidPart):
        self.affine = AffinePart(n_in, n_out)
        self.activation = activation()

    @property
    def W(self):
        return self.affine.W

    @W.setter
    def W(self, value):
        self.affine.W = value

    @property
    def b(self):
        return self.affine.b

    @b.setter
    def b(self, value):
        self.affine.b = value

    @property
    def dW(self):
        return self.affine.dW

    @property
    def db(self):
        return self.affine.db

    def forward(self, x):
        return self.activation.forward(self.affine.forward(x))

    def backward(self, da):
        return self.affine.backward(self.activation.backward(da))
