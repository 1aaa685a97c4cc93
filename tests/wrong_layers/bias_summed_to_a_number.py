# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: db
# mistake: extra-sum
# correction: self.db = np.sum(dout, axis=0)
# line: 30
# make: layer = Dense(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = np.sum(dout)
        return dout @ self.W.T
