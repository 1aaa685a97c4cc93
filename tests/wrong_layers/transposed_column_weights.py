# subject: Layer
# layout: oi,in->on
# activation: tanh
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: transposed
# correction: dA_prev = self.W.T.dot(dZ)
# line: 34
# needs: i=o
# make: layer = Layer(i, o)
# how: layer.W, layer.b = W, b.reshape(-1, 1)
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Layer:
    def __init__(self, n_prev, n_units):
        self.W = np.random.randn(n_units, n_prev) * 0.01
        self.b = np.zeros((n_units, 1))

    def forward(self, A_prev):
        self.A_prev = A_prev
        self.A = np.tanh(self.W.dot(A_prev) + self.b)
        return self.A

    def backward(self, dA):
        dZ = dA * (1 - self.A**2)
        self.dW = dZ.dot(self.A_prev.T)
        self.db = dZ.sum(axis=1, keepdims=True)
        dA_prev = self.W.dot(dZ)
        return dA_prev
