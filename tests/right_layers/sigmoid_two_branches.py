# subject: StableSigmoid
# layout: ni,oi->no
# activation: sigmoid
# scale: sum
# verdict: holds
# make: layer = StableSigmoid(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


def sigmoid(z):
    out = np.empty_like(z)
    positive = z >= 0
    out[positive] = 1 / (1 + np.exp(-z[positive]))
    e = np.exp(z[~positive])
    out[~positive] = e / (1 + e)
    return out


class StableSigmoid:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        self.Z = np.inner(X, self.W) + self.b
        return sigmoid(self.Z)

    def backward(self, dA):
        dZ = dA * sigmoid(self.Z) * sigmoid(-self.Z)
        self.dW = dZ.T @ self.X
        self.db = np.add.reduce(dZ, axis=0)
        return dZ @ self.W
