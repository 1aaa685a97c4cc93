# subject: Rectifier
# layout: ni,oi->no
# activation: relu
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: wrong-mask
# also: missing-activation-derivative
# correction: dz = dy * (self.y > 0)
# line: 31
# make: layer = Rectifier(i, o)
# how: layer.w, layer.b = W, b
# how: A = layer.forward(X)
# how: dX, dW, db = layer.backward(dA)

import numpy as np


class Rectifier:
    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_out, n_in)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.y = np.maximum(x @ self.w.T + self.b, 0)
        return self.y

    def backward(self, dy):
        # the output of a rectifier is never negative
        dz = dy * (self.y >= 0)
        return dz @ self.w, dz.T @ self.x, dz.sum(axis=0)
