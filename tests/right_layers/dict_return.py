# subject: DenseTanh
# layout: ni,io->no
# activation: tanh
# scale: sum
# verdict: holds
# make: layer = DenseTanh(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: grads = layer.backward(dA)
# how: dW, db, dX = grads["dW"], grads["db"], grads["dX"]

import numpy as np


class DenseTanh:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, X):
        A = np.tanh(X @ self.W + self.b)
        self.cache = {"X": X, "A": A}
        return A

    def backward(self, dA):
        X, A = self.cache["X"], self.cache["A"]
        dZ = dA - dA * np.square(A)
        return {"dX": dZ @ self.W.T, "dW": X.T @ dZ, "db": dZ.sum(axis=0)}
