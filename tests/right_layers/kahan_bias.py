# subject: CompensatedDense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = CompensatedDense(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class CompensatedDense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    @staticmethod
    def _kahan(rows, like):
        total = np.zeros_like(like)
        lost = np.zeros_like(like)
        for row in rows:
            y = row - lost
            t = total + y
            lost = (t - total) - y
            total = t
        return total

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        pairs = zip(self.x, dout)
        self.dW = self._kahan((np.outer(x, d) for x, d in pairs), self.W)
        self.db = self._kahan(dout, self.b)
        return dout @ self.W.T
