# subject: TanhDense
# layout: ni,io->no
# activation: tanh
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: other
# also: missing-term
# correction: dz = da * (1 - self.a**2)
# line: 31
# make: layer = TanhDense(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class TanhDense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.a = np.tanh(x @ self.W + self.b)
        return self.a

    def backward(self, da):
        dz = da * (1 - self.a)
        self.dW = self.x.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.W.T
