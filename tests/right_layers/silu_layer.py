# subject: Swish
# layout: ni,io->no
# activation: silu
# scale: sum
# verdict: holds
# make: layer = Swish(i, o)
# how: layer.weight, layer.bias = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.weight_grad, layer.bias_grad

import numpy as np


class Swish:
    def __init__(self, in_features, out_features):
        self.weight = np.random.randn(in_features, out_features) * 0.02
        self.bias = np.zeros(out_features)

    def forward(self, x):
        self.x = x
        self.z = x @ self.weight + self.bias
        self.s = 0.5 * (np.tanh(self.z / 2) + 1)
        return self.z * self.s

    def backward(self, grad):
        swish = self.z * self.s
        grad = grad * (swish + self.s * (1 - swish))
        self.weight_grad = self.x.T @ grad
        self.bias_grad = grad.sum(axis=0)
        return grad @ self.weight.T
