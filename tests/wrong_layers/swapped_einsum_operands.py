# subject: Linear
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: operands-swapped
# also: transposed
# correction: self.weight_grad = np.einsum("bo,bi->oi", grad, self.x)
# line: 30
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
        return np.einsum("bi,oi->bo", x, self.weight) + self.bias

    def backward(self, grad):
        self.weight_grad = np.einsum("bo,bi->oi", self.x, grad)
        self.bias_grad = np.einsum("bo->o", grad)
        return np.einsum("bo,oi->bi", grad, self.weight)
