# subject: FullyConnected
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: operands-swapped
# correction: dinputs = np.dot(dvalues, self.weights.T)
# line: 32
# needs: n=i
# make: layer = FullyConnected(i, o)
# how: layer.weights, layer.biases = W, b.reshape(1, -1)
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dweights, layer.dbiases

import numpy as np


class FullyConnected:
    def __init__(self, n_inputs, n_neurons):
        self.weights = 0.01 * np.random.randn(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        return np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        dinputs = np.dot(self.weights.T, dvalues)
        return dinputs
