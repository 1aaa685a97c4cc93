# subject: Layer
# layout: oi,in->on
# activation: linear
# scale: sum
# verdict: refuted
# quantity: db
# mistake: wrong-operand
# correction: db = self.dZ.sum(axis=1, keepdims=True)
# line: 31
# make: layer = Layer(i, o)
# how: layer.W, layer.b = W, b.reshape(-1, 1)
# how: Z = layer.forward(X)
# how: dX, dW, db = layer.backward(dA)

import numpy as np


class Layer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in)
        self.b = np.zeros((n_out, 1))

    def forward(self, X):
        self.X = X
        self.Z = self.W @ X + self.b
        return self.Z

    def backward(self, dZ):
        self.dZ = dZ
        dW = self.dZ @ self.X.T
        db = self.Z.sum(axis=1, keepdims=True)
        dX = self.W.T @ self.dZ
        return dX, dW, db
