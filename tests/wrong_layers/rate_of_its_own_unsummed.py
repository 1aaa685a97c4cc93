# subject: Layer
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: db
# mistake: missing-sum
# correction: self.b = self.b - self.lr * delta.sum(axis=0)
# line: 38
# make: layer = Layer(i, o)
# make: layer.lr = 1.0
# how: layer.w, layer.b = W.copy(), b.copy()
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: layer.w, layer.b = W.copy(), b.copy()
# how: layer.forward(X)
# how: layer.w[...] = 0
# how: layer.b = np.zeros(o)
# how: layer.backward(dA)
# how: dW, db = -layer.w, -layer.b

import numpy as np


class Layer:
    def __init__(self, n_in, n_out):
        self.lr = 0.01
        self.w = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, delta):
        passed = delta @ self.w.T
        self.w -= self.lr * (self.x.T @ delta)
        self.b = self.b - self.lr * delta
        return passed
