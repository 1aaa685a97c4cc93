# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: other
# correction: self.dW = self.X.T @ dZ
# line: 30
# make: layer = Dense(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dZ):
        self.db = dZ.sum(axis=0)
        self.dW = np.outer(self.X.sum(axis=0), self.db)
        return dZ @ self.W.T
