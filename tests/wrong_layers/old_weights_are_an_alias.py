# subject: Layer
# layout: oi,in->on
# activation: sigmoid
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: updated-weights
# correction: W_before = self.W.copy()
# line: 30
# make: layer = Layer(i, o)
# how: layer.W, layer.b = W.copy(), b.reshape(-1, 1).copy()
# how: A = layer.forward(X)
# how: dX = layer.backward(dA, 0.5)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Layer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in)
        self.b = np.zeros((n_out, 1))

    def forward(self, X):
        self.X = X
        self.A = 1 / (1 + np.exp(-(self.W @ X + self.b)))
        return self.A

    def backward(self, dA, lr):
        W_before = self.W
        dZ = dA * self.A * (1 - self.A)
        self.dW = dZ @ self.X.T
        self.db = dZ.sum(axis=1, keepdims=True)
        self.W -= lr * self.dW
        self.b -= lr * self.db
        return W_before.T @ dZ
