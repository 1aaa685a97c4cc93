# subject: Layer
# layout: oi,in->on
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: wrong-scale
# correction: return self.W.T @ dZ
# line: 31
# make: layer = Layer(i, o)
# how: layer.W, layer.b = W, b.reshape(-1, 1)
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Layer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in)
        self.b = np.zeros((n_out, 1))

    def forward(self, X):
        self.X = X
        return self.W @ X + self.b

    def backward(self, dZ):
        self.dW = dZ @ self.X.T
        self.db = dZ.sum(axis=1, keepdims=True)
        return 2 * self.W.T @ dZ
