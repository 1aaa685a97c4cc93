# subject: GeluDense
# layout: ni,oi->no
# activation: gelu
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: missing-term
# correction: dz = da * (Phi(self.z) + self.z * phi(self.z))
# line: 39
# make: layer = GeluDense(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX, dW, db = layer.backward(dA)

from math import erf, pi, sqrt

import numpy as np


def Phi(z):
    return (1 + np.vectorize(erf, otypes=[float])(z / sqrt(2))) / 2


def phi(z):
    return np.exp(-(z**2) / 2) / sqrt(2 * pi)


class GeluDense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.z = x @ self.W.T + self.b
        return self.z * Phi(self.z)

    def backward(self, da):
        dz = da * Phi(self.z)
        return dz @ self.W, dz.T @ self.x, dz.sum(axis=0)
