# subject: Projection
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: wrong-scale
# correction: return dy.dot(self.w)
# line: 31
# make: layer = Projection(i, o)
# how: layer.w, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dw, layer.db

import numpy as np


class Projection:
    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_out, n_in)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x.dot(self.w.T) + self.b

    def backward(self, dy):
        self.dw = dy.T.dot(self.x)
        self.db = dy.sum(0)
        return dy.dot(self.w) / dy.shape[0]
