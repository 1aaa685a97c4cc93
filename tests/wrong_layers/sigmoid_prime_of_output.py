# subject: Neurons
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: derivative-at-output
# correction: dz = da * sigmoid_prime(self.z)
# line: 39
# make: layer = Neurons(i, o)
# how: layer.weights, layer.biases = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.nabla_w, layer.nabla_b

import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


class Neurons:
    def __init__(self, n_in, n_out):
        self.weights = np.random.randn(n_in, n_out)
        self.biases = np.random.randn(n_out)

    def forward(self, x):
        self.x = x
        self.z = np.dot(x, self.weights) + self.biases
        self.activation = sigmoid(self.z)
        return self.activation

    def backward(self, da):
        dz = da * sigmoid_prime(self.activation)
        self.nabla_w = np.dot(self.x.T, dz)
        self.nabla_b = dz.sum(axis=0)
        return np.dot(dz, self.weights.T)
