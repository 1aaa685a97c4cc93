# subject: SumLayer
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: db
# mistake: wrong-sign
# correction: self.db += g
# line: 33
# make: layer = SumLayer(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class SumLayer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, G):
        self.dW = np.zeros_like(self.W)
        self.db = np.zeros_like(self.b)
        for x, g in zip(self.X, G):
            self.dW += np.outer(x, g)
            self.db -= g
        return G @ self.W.T
