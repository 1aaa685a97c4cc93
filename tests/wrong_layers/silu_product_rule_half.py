# subject: SiluLayer
# layout: ni,io->no
# activation: silu
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: missing-term
# correction: slope = s + self.z * s * (1 - s)
# line: 35
# make: layer = SiluLayer(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class SiluLayer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.z = x @ self.W + self.b
        return self.z * sigmoid(self.z)

    def backward(self, da):
        s = sigmoid(self.z)
        slope = self.z * s * (1 - s)
        dz = da * slope
        self.dW = self.x.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.W.T
