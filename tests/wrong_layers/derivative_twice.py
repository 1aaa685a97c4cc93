# subject: SigmoidLayer
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: extra-factor
# correction: return delta @ self.W.T
# line: 37
# make: layer = SigmoidLayer(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


def slope(a):
    return a * (1 - a)


class SigmoidLayer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.a = 1 / (1 + np.exp(-(x @ self.W + self.b)))
        return self.a

    def backward(self, da):
        delta = da * slope(self.a)
        self.dW = self.x.T @ delta
        self.db = delta.sum(axis=0)
        return (delta * slope(self.a)) @ self.W.T
