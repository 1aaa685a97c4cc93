# subject: Affine
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = Affine(i, o)
# how: layer.W[...], layer.b[...] = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.grad_W.copy(), layer.grad_b.copy()

import numpy as np


class Affine:
    def __init__(self, n_in, n_out):
        self.W = np.random.normal(size=(n_in, n_out))
        self.b = np.zeros(n_out)
        self.grad_W = np.zeros_like(self.W)
        self.grad_b = np.zeros_like(self.b)

    def zero_grad(self):
        self.grad_W.fill(0)
        self.grad_b.fill(0)

    def forward(self, x):
        self.zero_grad()
        self.x = x
        return x.dot(self.W) + self.b

    def backward(self, dout):
        self.grad_W += self.x.T.dot(dout)
        self.grad_b += dout.sum(0)
        return dout.dot(self.W.T)
