# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: Z
# mistake: missing-term
# correction: output = np.dot(inputs, self.weights) + self.bias
# line: 26
# make: layer = Dense(i, o)
# how: layer.weights, layer.bias = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dweights, layer.dbias

import numpy as np


class Dense:
    def __init__(self, n_inputs, n_units):
        self.weights = np.random.randn(n_inputs, n_units)
        self.bias = np.zeros(n_units)

    def forward(self, inputs):
        self.inputs = inputs
        output = np.dot(inputs, self.weights)
        return output

    def backward(self, gradient):
        self.dweights = np.dot(self.inputs.T, gradient)
        self.dbias = np.sum(gradient, axis=0)
        return np.dot(gradient, self.weights.T)
