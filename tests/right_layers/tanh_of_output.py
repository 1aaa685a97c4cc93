# subject: TanhDense
# layout: ni,io->no
# activation: tanh
# scale: sum
# verdict: holds
# make: layer = TanhDense(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class TanhDense:
    def __init__(self, n_in, n_out):
        limit = np.sqrt(6 / (n_in + n_out))
        self.W = np.random.uniform(-limit, limit, (n_in, n_out))
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x, self.a = x, np.tanh(x @ self.W + self.b)
        return self.a

    def backward(self, da):
        dz = (1 - self.a**2) * da
        self.dW = self.x.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.W.T
