# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: from types import SimpleNamespace
# make: layer = Dense(SimpleNamespace(units=i), o)
# how: layer.kernel, layer.bias = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.kernel_grad, layer.bias_grad

import numpy as np


class Dense:
    def __init__(self, prev_layer, units):
        self.prev = prev_layer
        self.units = units
        self.kernel = np.random.randn(prev_layer.units, units)
        self.bias = np.zeros(units)

    def forward(self, x):
        self.x = x
        return x @ self.kernel + self.bias

    def backward(self, grad):
        self.kernel_grad = self.x.T @ grad
        self.bias_grad = grad.sum(axis=0)
        return grad @ self.kernel.T
