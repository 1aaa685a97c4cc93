# subject: Dense
# layout: ni,oi->no
# activation: sigmoid
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: missing-activation-derivative
# correction: return dz @ self.W
# line: 44
# make: layer = Dense(i, o, Logistic())
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: Z = layer.z
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Logistic:
    def __call__(self, z):
        return 1 / (1 + np.exp(-z))

    def prime(self, z):
        s = self(z)
        return s * (1 - s)


class Dense:
    def __init__(self, n_in, n_out, activation):
        self.W = np.random.randn(n_out, n_in)
        self.b = np.zeros(n_out)
        self.activation = activation

    def forward(self, x):
        self.x = x
        self.z = x @ self.W.T + self.b
        return self.activation(self.z)

    def backward(self, da):
        dz = da * self.activation.prime(self.z)
        self.dW = dz.T @ self.x
        self.db = dz.sum(axis=0)
        return da @ self.W
