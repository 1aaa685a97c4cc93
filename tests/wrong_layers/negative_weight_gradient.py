# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: wrong-sign
# correction: self.dw = np.dot(self.a_prev.T, dz)
# line: 29
# make: layer = Dense(i, o)
# how: layer.w, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dw, layer.db

import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_in, n_out)
        self.b = np.random.randn(n_out)

    def forward(self, a_prev):
        self.a_prev = a_prev
        return np.dot(a_prev, self.w) + self.b

    def backward(self, dz):
        self.dw = -np.dot(self.a_prev.T, dz)
        self.db = dz.sum(axis=0)
        return np.dot(dz, self.w.T)
