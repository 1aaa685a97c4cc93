# subject: BlockedDense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = BlockedDense(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


def blocked_matmul(a, b, block=2):
    """a @ b, the inner dimension taken a block at a time."""
    c = np.zeros((a.shape[0], b.shape[1]))
    for start in range(0, a.shape[1], block):
        c += a[:, start : start + block] @ b[start : start + block]
    return c


class BlockedDense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros((1, n_out))

    def forward(self, X):
        self.X = X
        return blocked_matmul(X, self.W) + self.b

    def backward(self, dZ):
        self.dW = blocked_matmul(self.X.T, dZ)
        self.db = blocked_matmul(np.ones((1, dZ.shape[0])), dZ)
        return blocked_matmul(dZ, self.W.T)
