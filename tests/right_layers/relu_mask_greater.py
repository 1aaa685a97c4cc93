# subject: DenseReLU
# layout: ni,io->no
# activation: relu
# scale: sum
# verdict: holds
# make: layer = DenseReLU(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class DenseReLU:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * np.sqrt(2 / n_in)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        self.Z = X @ self.W + self.b
        return np.maximum(0, self.Z)

    def backward(self, dA):
        dZ = dA * (self.Z > 0)
        self.dW = self.X.T @ dZ
        self.db = np.sum(dZ, axis=0)
        return dZ @ self.W.T
