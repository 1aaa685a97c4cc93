# subject: Broadcaster
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = Broadcaster(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Broadcaster:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        return (X[:, :, None] * self.W[None, :, :]).sum(axis=1) + self.b

    def backward(self, dZ):
        self.dW = (self.X[:, :, None] * dZ[:, None, :]).sum(axis=0)
        self.db = dZ.sum(axis=0)
        return (dZ[:, None, :] * self.W[None, :, :]).sum(axis=2)
