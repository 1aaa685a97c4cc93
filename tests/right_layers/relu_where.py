# subject: ReluLayer
# layout: oi,in->on
# activation: relu
# scale: sum
# verdict: holds
# make: layer = ReluLayer(i, o)
# how: layer.W, layer.b = W, b.reshape(-1, 1)
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class ReluLayer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in) * 0.1
        self.b = np.zeros((n_out, 1))

    def forward(self, A_prev):
        self.A_prev = A_prev
        self.Z = self.W @ A_prev + self.b
        return np.where(self.Z > 0, self.Z, 0.0)

    def backward(self, dA):
        dZ = np.where(self.Z > 0, dA, 0.0)
        self.dW = dZ @ self.A_prev.T
        self.db = dZ.sum(axis=1, keepdims=True)
        return self.W.T @ dZ
