# subject: Dense
# layout: ni,io->no
# activation: relu
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: stale-value
# also: wrong-mask
# correction: self.active = z + self.b > 0
# line: 28
# make: layer = Dense(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.random.randn(n_out)

    def forward(self, x):
        self.x = x
        z = x @ self.W
        self.active = z > 0
        return np.maximum(z + self.b, 0)

    def backward(self, da):
        dz = da * self.active
        self.dW = self.x.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.W.T
