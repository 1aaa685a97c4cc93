# subject: Projection
# layout: ni,io->no
# activation: linear
# scale: sum
# bias: no
# verdict: holds
# make: layer = Projection(i, o)
# how: layer.W = W
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW = layer.dW

import numpy as np


class Projection:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) / np.sqrt(n_in)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T
