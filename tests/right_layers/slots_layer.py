# subject: SlottedDense
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = SlottedDense(i, o)
# how: layer.w, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dw, layer.db

import numpy as np


class SlottedDense:
    __slots__ = ("b", "db", "dw", "w", "x")

    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_out, n_in) * 0.1
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return np.add(np.matmul(x, self.w.swapaxes(0, 1)), self.b)

    def backward(self, dy):
        self.dw = np.matmul(dy.swapaxes(0, 1), self.x)
        self.db = np.sum(dy, axis=0)
        return np.matmul(dy, self.w)
