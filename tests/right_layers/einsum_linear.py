# subject: Linear
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = Linear(i, o)
# how: layer.weight, layer.bias = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.grad_weight, layer.grad_bias

import numpy as np


class Linear:
    """y = x Wᵀ + b with the weight stored as (out_features, in_features)."""

    def __init__(self, in_features, out_features):
        bound = 1 / np.sqrt(in_features)
        self.weight = np.random.uniform(-bound, bound, (out_features, in_features))
        self.bias = np.random.uniform(-bound, bound, out_features)
        self.grad_weight = None
        self.grad_bias = None

    def forward(self, input):
        self.input = input
        return np.einsum("bi,oi->bo", input, self.weight) + self.bias

    def backward(self, grad_output):
        self.grad_weight = np.einsum("bo,bi->oi", grad_output, self.input)
        self.grad_bias = np.einsum("bo->o", grad_output)
        return np.einsum("bo,oi->bi", grad_output, self.weight)
