# subject: DenseReLU
# layout: ni,oi->no
# activation: relu
# scale: sum
# verdict: refuted
# quantity: db
# mistake: missing-activation-derivative
# correction: self.db = dz.sum(axis=0)
# line: 32
# make: layer = DenseReLU(i, o)
# how: layer.w, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dw, layer.db

import numpy as np


class DenseReLU:
    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_out, n_in)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.z = x @ self.w.T + self.b
        return np.maximum(self.z, 0)

    def backward(self, da):
        dz = da * (self.z > 0)
        self.dw = dz.T @ self.x
        self.db = da.sum(axis=0)
        return dz @ self.w
