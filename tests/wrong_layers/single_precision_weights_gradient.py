# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: float-precision
# correction: self.dW = (self.X.T @ dZ).astype(self.W.dtype)
# line: 29
# make: layer = Dense(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dZ):
        self.dW = (self.X.astype("f4").T @ dZ.astype("f4")).astype(self.W.dtype)
        self.db = dZ.sum(axis=0)
        return dZ @ self.W.T
