# subject: Relu
# layout: ni,io->no
# activation: relu
# scale: sum
# verdict: holds
# make: layer = Relu(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Relu:
    def __init__(self, d_in, d_out):
        self.W = np.random.randn(d_in, d_out)
        self.b = np.zeros(d_out)

    def forward(self, x):
        a = x @ self.W
        a += self.b
        np.maximum(a, 0, out=a)
        self.saved = x, a
        return a.copy()

    def backward(self, grad):
        x, a = self.saved
        grad = np.multiply(grad, a > 0)
        self.dW = x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T
