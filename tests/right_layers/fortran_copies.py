# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = Dense(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.asfortranarray(np.random.randn(n_in, n_out))
        self.b = np.zeros(n_out)

    def forward(self, X):
        # a copy, so that the caller may reuse its buffer
        self.X = np.array(X, order="F", copy=True)
        return np.asfortranarray(self.X @ self.W + self.b)

    def backward(self, dZ):
        dZ = np.asfortranarray(dZ)
        self.dW = np.ascontiguousarray((dZ.T @ self.X).T)
        self.db = np.array([column.sum() for column in dZ.T])
        return np.asfortranarray((self.W @ dZ.T).T)
