# subject: DenseLayer
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: wrong-scale
# correction: self.dW = self.x.T @ dout
# line: 29
# make: layer = DenseLayer(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class DenseLayer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) / np.sqrt(n_in)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout / len(dout)
        self.db = dout.sum(axis=0)
        return dout @ self.W.T
