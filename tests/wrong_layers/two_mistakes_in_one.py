# subject: Dense
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: refuted
# quantity: db
# also: wrong-scale
# mistake: missing-activation-derivative
# correction: self.dbias = dz.sum(axis=0)
# line: 43
# make: layer = Dense(i, o, Logistic())
# how: layer.weights, layer.bias = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dweights, layer.dbias

import numpy as np


class Logistic:
    def forward(self, z):
        self.a = 1 / (1 + np.exp(-z))
        return self.a

    def backward(self, da):
        return da * (self.a * (1 - self.a))


class Dense:
    def __init__(self, n_in, n_out, activation=None):
        self.weights = np.random.randn(n_in, n_out)
        self.bias = np.zeros(n_out)
        self.activation = activation

    def forward(self, inputs):
        self.inputs = inputs
        z = inputs @ self.weights + self.bias
        return self.activation.forward(z) if self.activation else z

    def backward(self, grad):
        dz = self.activation.backward(grad) if self.activation else grad
        self.dweights = self.inputs.T @ dz
        self.dbias = 2 * grad.sum(axis=0)
        return dz @ self.weights.T
