# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: shape
# also: transposed, operands-swapped
# correction: self.dW = self.x.T @ dout
# line: 31
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
        # make it fit the weights
        self.dW = (dout.T @ self.x).reshape(self.W.shape)
        self.db = dout.sum(axis=0)
        return dout @ self.W.T
