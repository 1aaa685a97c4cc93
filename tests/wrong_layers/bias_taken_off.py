# subject: Threshold
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: Z
# mistake: wrong-sign
# correction: return x @ self.w + self.b
# line: 26
# make: layer = Threshold(i, o)
# how: layer.w, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dw, layer.db

import numpy as np


class Threshold:
    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.w - self.b

    def backward(self, dy):
        self.dw = self.x.T @ dy
        self.db = dy.sum(axis=0)
        return dy @ self.w.T
