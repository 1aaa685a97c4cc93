# subject: DenseLayer
# layout: ni,io->no
# activation: linear
# scale: mean
# verdict: holds
# make: layer = DenseLayer(i, o)
# how: layer.W, layer.b = W, b.reshape(1, -1)
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class DenseLayer:
    """Parameter gradients are averages over the batch; the upstream gradient is per sample."""

    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * 0.01
        self.b = np.zeros((1, n_out))

    def forward(self, X):
        self.X = X
        return np.dot(X, self.W) + self.b

    def backward(self, dZ):
        m = self.X.shape[0]
        self.dW = np.dot(self.X.T, dZ) / m
        self.db = np.mean(dZ, axis=0, keepdims=True)
        return np.dot(dZ, self.W.T)
