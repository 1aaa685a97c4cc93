# subject: ColumnDense
# layout: oi,in->on
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: operands-swapped
# correction: grads["dW"] = np.dot(dZ, self.A_prev.T)
# line: 31
# needs: i=o
# make: layer = ColumnDense(i, o)
# how: layer.W, layer.b = W, b.reshape(-1, 1)
# how: Z = layer.forward(X)
# how: grads = layer.backward(dA)
# how: dW, db, dX = grads["dW"], grads["db"], grads["dA_prev"]

import numpy as np


class ColumnDense:
    def __init__(self, n_x, n_h):
        self.W = np.random.randn(n_h, n_x) * 0.01
        self.b = np.zeros((n_h, 1))

    def forward(self, A_prev):
        self.A_prev = A_prev
        return np.dot(self.W, A_prev) + self.b

    def backward(self, dZ):
        grads = {}
        grads["dW"] = np.dot(self.A_prev.T, dZ)
        grads["db"] = np.sum(dZ, axis=1, keepdims=True)
        grads["dA_prev"] = np.dot(self.W.T, dZ)
        return grads
