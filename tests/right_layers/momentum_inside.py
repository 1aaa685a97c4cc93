# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# how: layer = Dense(i, o)
# how: layer.weights, layer.bias = W.copy(), b.reshape(1, -1)
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA, 0.5)
# how: layer = Dense(i, o)
# how: layer.weights, layer.bias = W.copy(), b.reshape(1, -1)
# how: layer.forward(X)
# how: layer.weights, layer.bias = np.zeros_like(W), np.zeros((1, o))
# how: layer.backward(dA, 1.0)
# how: dW, db = -layer.weights, -layer.bias

import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.weights = np.random.randn(n_in, n_out)
        self.bias = np.zeros((1, n_out))
        self.v_weights = np.zeros((n_in, n_out))
        self.v_bias = np.zeros((1, n_out))

    def forward(self, inputs):
        self.inputs = inputs
        return inputs @ self.weights + self.bias

    def backward(self, grad, learning_rate, momentum=0.9):
        grad_in = grad @ self.weights.T
        self.v_weights = momentum * self.v_weights - learning_rate * (self.inputs.T @ grad)
        self.v_bias = momentum * self.v_bias - learning_rate * grad.sum(axis=0, keepdims=True)
        self.weights = self.weights + self.v_weights
        self.bias = self.bias + self.v_bias
        return grad_in
