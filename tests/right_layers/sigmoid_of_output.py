# subject: SigmoidLayer
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: holds
# make: layer = SigmoidLayer(i, o)
# how: layer.weights, layer.bias = W, b.reshape(1, -1)
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.grad_weights, layer.grad_bias

import numpy as np


class SigmoidLayer:
    def __init__(self, n_inputs, n_neurons):
        self.weights = 2 * np.random.random((n_inputs, n_neurons)) - 1
        self.bias = np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = 1 / (1 + np.exp(-(inputs @ self.weights + self.bias)))
        return self.output

    def backward(self, error):
        delta = error * self.output * (1 - self.output)
        self.grad_weights = self.inputs.T @ delta
        self.grad_bias = delta.sum(axis=0, keepdims=True)
        return delta @ self.weights.T
