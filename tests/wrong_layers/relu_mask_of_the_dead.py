# subject: ReluDense
# layout: ni,io->no
# activation: relu
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: wrong-mask
# correction: dz = np.where(self.z > 0, grad, 0)
# line: 30
# make: layer = ReluDense(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class ReluDense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.z = x @ self.W + self.b
        return np.where(self.z > 0, self.z, 0)

    def backward(self, grad):
        dz = np.where(self.z < 0, grad, 0)
        self.dW = self.x.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.W.T
