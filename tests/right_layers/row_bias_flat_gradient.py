# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = Dense(i, o)
# how: layer.weights, layer.bias = W, b.reshape(1, -1)
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.grad_weights, layer.grad_bias

import numpy as np


class Dense:
    """The bias is a row, its gradient a vector: the step broadcasts."""

    def __init__(self, n_in, n_out):
        self.weights = np.random.randn(n_in, n_out)
        self.bias = np.zeros((1, n_out))

    def forward(self, x):
        self.x = x
        return x @ self.weights + self.bias

    def backward(self, grad):
        self.grad_weights = self.x.T @ grad
        self.grad_bias = grad.sum(axis=0)
        return grad @ self.weights.T

    def step(self, lr):
        self.weights -= lr * self.grad_weights
        self.bias -= lr * self.grad_bias
