# subject: Rectified
# layout: ni,io->no
# activation: relu
# scale: sum
# verdict: holds
# make: layer = Rectified(i, o)
# how: layer.w, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.gw, layer.gb

import numpy as np


class Rectified:
    """The derivative at zero is taken as one half, the middle of the subdifferential."""

    def __init__(self, n, m):
        self.w = np.random.randn(n, m)
        self.b = np.zeros(m)

    def forward(self, x):
        z = x @ self.w + self.b
        self.x = x
        self.step = np.heaviside(z, 0.5)
        return (z + np.abs(z)) / 2

    def backward(self, ga):
        gz = ga * self.step
        self.gw = self.x.T @ gz
        self.gb = gz.sum(0)
        return gz @ self.w.T
