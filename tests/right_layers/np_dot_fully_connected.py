# subject: FullyConnectedLayer
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = FullyConnectedLayer(i, o)
# how: layer.weights, layer.biases = W, b.reshape(1, -1)
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.weights_grad, layer.biases_grad

import numpy as np


class FullyConnectedLayer(object):
    def __init__(self, input_size, output_size):
        self.weights = np.random.normal(0.0, 0.05, size=(input_size, output_size))
        self.biases = np.zeros((1, output_size))
        self.last_input = None

    def forward(self, inputs):
        self.last_input = inputs
        outputs = np.dot(inputs, self.weights) + self.biases
        return outputs

    def backward(self, grad_outputs):
        grad_inputs = np.dot(grad_outputs, np.transpose(self.weights))
        self.weights_grad = np.dot(np.transpose(self.last_input), grad_outputs)
        self.biases_grad = np.sum(grad_outputs, axis=0, keepdims=True)
        return grad_inputs
