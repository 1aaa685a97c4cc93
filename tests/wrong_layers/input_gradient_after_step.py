# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: updated-weights
# correction: return np.dot(output_gradient, old_weights.T)
# line: 34
# make: layer = Dense(i, o)
# how: layer.weights, layer.bias = W.copy(), b.copy()
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA, 0.5)
# how: dW, db = layer.dweights, layer.dbias

import numpy as np


class Dense:
    def __init__(self, input_size, output_size):
        self.weights = np.random.randn(input_size, output_size)
        self.bias = np.zeros(output_size)

    def forward(self, input):
        self.input = input
        return np.dot(input, self.weights) + self.bias

    def backward(self, output_gradient, learning_rate):
        old_weights = self.weights
        self.dweights = np.dot(self.input.T, output_gradient)
        self.dbias = output_gradient.sum(axis=0)
        self.weights = old_weights - learning_rate * self.dweights
        self.bias = self.bias - learning_rate * self.dbias
        return np.dot(output_gradient, self.weights.T)
