# subject: Dense
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = Dense(i, o)
# how: layer.w, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dw, layer.db

import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_out, n_in)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return (
            np.array([[row @ w for w in self.w] for row in x]).reshape(len(x), len(self.w)) + self.b
        )

    def backward(self, d):
        self.dw, self.db = np.zeros_like(self.w), np.zeros_like(self.b)
        dx = np.zeros_like(self.x)
        for k, (row, error) in enumerate(zip(self.x, d, strict=True)):
            self.dw += np.outer(error, row)
            self.db += error
            dx[k] = error @ self.w
        return dx
