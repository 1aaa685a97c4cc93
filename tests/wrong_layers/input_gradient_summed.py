# subject: Linear
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: extra-sum
# correction: return grad @ self.weight
# line: 31
# make: layer = Linear(i, o)
# how: layer.weight, layer.bias = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.weight_grad, layer.bias_grad

import numpy as np


class Linear:
    def __init__(self, in_features, out_features):
        self.weight = np.random.randn(out_features, in_features)
        self.bias = np.zeros(out_features)

    def forward(self, x):
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, grad):
        self.weight_grad = grad.T @ self.x
        self.bias_grad = grad.sum(axis=0)
        return (grad @ self.weight).sum(axis=0)
