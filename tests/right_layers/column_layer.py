# subject: Dense
# layout: oi,in->on
# activation: linear
# scale: sum
# verdict: holds
# make: layer = Dense(i, o)
# how: layer.W, layer.b = W, b.reshape(-1, 1)
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Dense:
    """Samples are columns: X is (n_in, m) and the output (n_out, m)."""

    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in)
        self.b = np.zeros((n_out, 1))

    def forward(self, X):
        self.X = X
        return np.matmul(self.W, X) + self.b

    def backward(self, dY):
        self.dW = np.matmul(dY, self.X.T)
        self.db = np.matmul(dY, np.ones((dY.shape[1], 1)))
        return np.matmul(self.W.T, dY)
