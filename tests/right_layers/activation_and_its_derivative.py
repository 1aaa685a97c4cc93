# subject: Dense
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: holds
# make: layer = Dense(i, o, logistic, slope)
# how: layer.w, layer.b = W, b.reshape(1, -1)
# how: A = layer.forward(X)
# how: Z = layer.z
# how: dX = layer.backward(dA)
# how: dW, db = layer.grad_w, layer.grad_b

import numpy as np


def logistic(z):
    return 1 / (1 + np.exp(-z))


def slope(z):
    return logistic(z) * (1 - logistic(z))


class Dense:
    def __init__(self, n_in, n_out, activation, activation_prime):
        self.w = np.random.randn(n_in, n_out)
        self.b = np.zeros((1, n_out))
        self.activation = activation
        self.activation_prime = activation_prime

    def forward(self, x):
        self.x = x
        self.z = x @ self.w + self.b
        return self.activation(self.z)

    def backward(self, output_error):
        delta = output_error * self.activation_prime(self.z)
        self.grad_w = self.x.T @ delta
        self.grad_b = delta.sum(axis=0, keepdims=True)
        return delta @ self.w.T
