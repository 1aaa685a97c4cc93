# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: db
# mistake: missing-sum
# correction: self.grad_bias = output_gradient.sum(axis=0, keepdims=True)
# line: 30
# make: layer = Dense(i, o)
# how: layer.weights, layer.bias = W, b.reshape(1, -1)
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.grad_weights, layer.grad_bias

import numpy as np


class Dense:
    def __init__(self, input_size, output_size):
        self.weights = np.random.rand(input_size, output_size) - 0.5
        self.bias = np.random.rand(1, output_size) - 0.5

    def forward(self, input):
        self.input = input
        return np.dot(self.input, self.weights) + self.bias

    def backward(self, output_gradient):
        self.grad_weights = np.dot(self.input.T, output_gradient)
        self.grad_bias = output_gradient
        return np.dot(output_gradient, self.weights.T)
