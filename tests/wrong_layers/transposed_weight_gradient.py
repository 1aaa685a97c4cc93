# subject: Layer
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: transposed
# also: operands-swapped
# correction: self.dW = self.X.T @ dZ
# line: 30
# make: layer = Layer(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Layer:
    def __init__(self, n_in, n_out):
        self.W = np.random.normal(0, 1, (n_in, n_out))
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dZ):
        self.dW = dZ.T @ self.X
        self.db = dZ.sum(axis=0)
        return dZ @ self.W.T
