# subject: Linear
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: db
# mistake: wrong-axis
# correction: self.db = np.sum(dY, axis=0, keepdims=True)
# line: 30
# make: layer = Linear(i, o)
# how: layer.W, layer.b = W, b.reshape(1, -1)
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Linear:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros((1, n_out))

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dY):
        self.dW = self.X.T @ dY
        self.db = np.sum(dY, axis=1, keepdims=True)
        return dY @ self.W.T
