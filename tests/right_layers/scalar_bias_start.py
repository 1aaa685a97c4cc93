# subject: Layer
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = Layer(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Layer:
    def __init__(self, n_in, n_out):
        self.W = np.random.rand(n_in, n_out)
        self.b = 0.0  # broadcasts; becomes a vector with the first step

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW = self.x.T @ dy
        self.db = dy.sum(axis=0)
        return dy @ self.W.T
