# subject: SigmoidDense
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: missing-activation-derivative
# correction: return np.dot(delta, self.weights.T)
# line: 33
# make: layer = SigmoidDense(i, o)
# how: layer.weights, layer.bias = W, b.reshape(1, -1)
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.weights_grad, layer.bias_grad

import numpy as np


class SigmoidDense:
    def __init__(self, input_units, output_units):
        self.weights = np.random.normal(0, 0.1, (input_units, output_units))
        self.bias = np.zeros((1, output_units))

    def forward(self, input):
        self.input = input
        self.activation = 1.0 / (1.0 + np.exp(-(np.dot(input, self.weights) + self.bias)))
        return self.activation

    def backward(self, error):
        delta = error * self.activation * (1.0 - self.activation)
        self.weights_grad = np.dot(self.input.T, delta)
        self.bias_grad = np.sum(delta, axis=0, keepdims=True)
        return np.dot(error, self.weights.T)
