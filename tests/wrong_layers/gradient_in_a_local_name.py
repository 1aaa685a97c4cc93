# subject: Affine
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: other
# also: stale-value
# correction: self.dw = self.x.T.dot(dout)
# line: 32
# make: layer = Affine(i, o)
# how: layer.w, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dw, layer.db

import numpy as np


class Affine:
    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)
        self.dw = np.zeros_like(self.w)
        self.db = np.zeros_like(self.b)

    def forward(self, x):
        self.x = x
        return x.dot(self.w) + self.b

    def backward(self, dout):
        dw = self.x.T.dot(dout)
        self.db = dout.sum(axis=0)
        return dout.dot(self.w.T)
