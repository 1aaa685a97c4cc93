# subject: Layer
# layout: oi,in->on
# activation: tanh
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: derivative-at-output
# correction: dZ = tanh_prime(self.Z) * dA
# line: 34
# make: layer = Layer(i, o)
# how: layer.W, layer.b = W, b.reshape(-1, 1)
# how: A = layer.forward(X)
# how: dX, dW, db = layer.backward(dA)

import numpy as np


def tanh_prime(z):
    return 1 - np.tanh(z) ** 2


class Layer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in)
        self.b = np.zeros((n_out, 1))

    def forward(self, X):
        self.X = X
        self.Z = self.W @ X + self.b
        self.A = np.tanh(self.Z)
        return self.A

    def backward(self, dA):
        dZ = tanh_prime(self.A) * dA
        return self.W.T @ dZ, dZ @ self.X.T, dZ.sum(axis=1, keepdims=True)
