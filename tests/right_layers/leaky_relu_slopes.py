# subject: LeakyDense
# layout: ni,io->no
# activation: leaky_relu
# scale: sum
# verdict: holds
# make: layer = LeakyDense(i, o)
# how: layer.w, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dw, layer.db

import numpy as np

SLOPE = 0.01


class LeakyDense:
    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        z = x @ self.w + self.b
        self.slopes = np.ones_like(z)
        self.slopes[z < 0] = SLOPE
        return z * self.slopes

    def backward(self, da):
        dz = da * self.slopes
        self.dw = self.x.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.w.T
