# subject: Sigmoid
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: wrong-sign
# correction: dz = da * self.a * (1 - self.a)
# line: 30
# make: layer = Sigmoid(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Sigmoid:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        self.a = 1 / (1 + np.exp(-X @ self.W - self.b))
        return self.a

    def backward(self, da):
        dz = da * self.a * (1 + self.a)
        self.dW = self.X.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.W.T
