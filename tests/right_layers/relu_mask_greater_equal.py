# subject: HiddenLayer
# layout: ni,oi->no
# activation: relu
# scale: sum
# verdict: holds
# make: layer = HiddenLayer(i, o)
# how: layer.weights, layer.bias = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dweights, layer.dbias

import numpy as np


def relu(z):
    return z.clip(min=0)


def relu_prime(z):
    return (z >= 0).astype(z.dtype)


class HiddenLayer:
    def __init__(self, n_inputs, n_hidden):
        self.weights = np.random.randn(n_hidden, n_inputs)
        self.bias = np.random.randn(n_hidden)

    def forward(self, x):
        self.x = x
        self.z = x @ self.weights.T + self.bias
        self.h = relu(self.z)
        return self.h

    def backward(self, delta):
        delta = delta * relu_prime(self.z)
        self.dweights = delta.T @ self.x
        self.dbias = delta.sum(axis=0)
        return delta @ self.weights
