# subject: CachingDense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: stale-value
# correction: self.cache.update(x=x)
# line: 27
# repeat: yes
# make: layer = CachingDense(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class CachingDense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)
        self.cache = {}

    def forward(self, x):
        self.cache.setdefault("x", x)
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.cache["x"].T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T
