# subject: Dense
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: wrong-operand
# correction: self.dW = self.input.T @ delta
# line: 31
# make: layer = Dense(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.input = X
        self.output = 1 / (1 + np.exp(-(X @ self.W + self.b)))
        return self.output

    def backward(self, error):
        delta = error * self.output * (1 - self.output)
        self.dW = self.output.T @ delta
        self.db = delta.sum(axis=0)
        return delta @ self.W.T
