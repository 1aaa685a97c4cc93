# subject: Dense32
# layout: ni,io->no
# activation: linear
# scale: sum
# accumulate: float32
# verdict: holds
# make: layer = Dense32(i, o)
# how: layer.W, layer.b = W.astype(np.float32), b.astype(np.float32)
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Dense32:
    """Keeps everything in single precision, whatever comes in."""

    dtype = np.float32

    def __init__(self, in_dim, out_dim):
        self.W = (0.01 * np.random.randn(in_dim, out_dim)).astype(self.dtype)
        self.b = np.zeros(out_dim, dtype=self.dtype)

    def forward(self, X):
        self.X = np.asarray(X, dtype=self.dtype)
        return self.X @ self.W.astype(self.dtype) + self.b.astype(self.dtype)

    def backward(self, dZ):
        dZ = np.asarray(dZ, dtype=self.dtype)
        self.dW = self.X.T @ dZ
        self.db = dZ.sum(axis=0)
        return dZ @ self.W.astype(self.dtype).T
