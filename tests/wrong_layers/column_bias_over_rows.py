# subject: HiddenLayer
# layout: oi,in->on
# activation: tanh
# scale: sum
# verdict: refuted
# quantity: db
# mistake: wrong-axis
# correction: self.db = np.sum(dZ, axis=1, keepdims=True)
# line: 32
# make: layer = HiddenLayer(i, o)
# how: layer.W, layer.b = W, b.reshape(-1, 1)
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class HiddenLayer:
    def __init__(self, n_x, n_h):
        self.W = np.random.randn(n_h, n_x) * 0.01
        self.b = np.zeros((n_h, 1))

    def forward(self, X):
        self.X = X
        self.A = np.tanh(np.dot(self.W, X) + self.b)
        return self.A

    def backward(self, dA):
        dZ = np.multiply(dA, 1 - np.power(self.A, 2))
        self.dW = np.dot(dZ, self.X.T)
        self.db = np.sum(dZ, axis=0, keepdims=True)
        return np.dot(self.W.T, dZ)
