# subject: Softplus
# layout: ni,io->no
# activation: softplus
# scale: sum
# verdict: holds
# make: layer = Softplus(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Softplus:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        self.Z = X @ self.W + self.b
        return np.logaddexp(0, self.Z)

    def backward(self, dA):
        # d/dz log(1 + e^z) is the logistic function, written with tanh to stay finite
        dZ = dA * 0.5 * (1 + np.tanh(0.5 * self.Z))
        self.dW = self.X.T @ dZ
        self.db = dZ.sum(axis=0)
        return dZ @ self.W.T
