# subject: GeluLayer
# layout: ni,io->no
# activation: gelu
# scale: sum
# verdict: holds
# make: layer = GeluLayer(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import math

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])


def normal_cdf(z):
    return 0.5 * (1 + erf(z / math.sqrt(2)))


def normal_pdf(z):
    return np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


class GeluLayer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        self.Z = X @ self.W + self.b
        return self.Z * normal_cdf(self.Z)

    def backward(self, dA):
        dZ = dA * (normal_cdf(self.Z) + self.Z * normal_pdf(self.Z))
        self.dW = self.X.T @ dZ
        self.db = dZ.sum(axis=0)
        return dZ @ self.W.T
