# subject: TrainableDense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = TrainableDense(i, o)
# how: layer.W, layer.b = W.copy(), b.reshape(1, -1).copy()
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA, 0.5)
# how: dW, db = layer.dW, layer.db

import numpy as np


class TrainableDense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * 0.1
        self.b = np.zeros((1, n_out))

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad, learning_rate):
        # the gradient of the input belongs to the weights before the step
        grad_input = grad @ self.W.T
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0, keepdims=True)
        self.W -= learning_rate * self.dW
        self.b -= learning_rate * self.db
        return grad_input
