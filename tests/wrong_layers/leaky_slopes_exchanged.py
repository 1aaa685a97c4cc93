# subject: LeakyLayer
# layout: ni,io->no
# activation: leaky_relu
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: wrong-mask
# correction: dz = da * np.where(self.z > 0, 1.0, self.alpha)
# line: 32
# make: layer = LeakyLayer(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class LeakyLayer:
    alpha = 0.01

    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.z = x @ self.W + self.b
        return np.where(self.z > 0, self.z, self.alpha * self.z)

    def backward(self, da):
        dz = da * np.where(self.z > 0, self.alpha, 1.0)
        self.dW = self.x.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.W.T
