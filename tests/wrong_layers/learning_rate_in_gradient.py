# subject: Dense
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: refuted
# quantity: db
# mistake: wrong-scale
# correction: self.dbias = delta.sum(axis=0)
# line: 34
# make: layer = Dense(i, o)
# how: layer.weights, layer.bias = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dweights, layer.dbias

import numpy as np

LEARNING_RATE = 0.01


class Dense:
    def __init__(self, n_in, n_out):
        self.weights = np.random.randn(n_in, n_out)
        self.bias = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.y = 1 / (1 + np.exp(-(x @ self.weights + self.bias)))
        return self.y

    def backward(self, grad):
        delta = grad * self.y * (1 - self.y)
        self.dweights = self.x.T @ delta
        self.dbias = LEARNING_RATE * delta.sum(axis=0)
        return delta @ self.weights.T
