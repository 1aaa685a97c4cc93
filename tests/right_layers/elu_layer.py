# subject: EluLayer
# layout: ni,oi->no
# activation: elu
# scale: sum
# verdict: holds
# make: layer = EluLayer(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class EluLayer:
    """Exponential linear unit with alpha = 1."""

    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        Z = X @ self.W.T + self.b
        self.A = np.where(Z > 0, Z, np.expm1(np.minimum(Z, 0)))
        return self.A

    def backward(self, dA):
        dZ = dA * np.where(self.A > 0, 1.0, self.A + 1.0)
        self.dW = dZ.T @ self.X
        self.db = dZ.sum(0)
        return dZ @ self.W
