# subject: Neurons
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = Neurons(o)
# how: layer.weights, layer.biases = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dweights, layer.dbiases

import numpy as np


class Neurons:
    def __init__(self, size):
        self.size = size
        self.weights = None
        self.biases = None

    def build(self, input_shape):
        self.weights = np.random.randn(input_shape[-1], self.size)
        self.biases = np.zeros(self.size)

    def forward(self, inputs):
        self.inputs = inputs
        return inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(axis=0)
        self.dinputs = dvalues @ self.weights.T
        return self.dinputs
