# subject: Layer
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = Layer(i, o)
# how: layer.W, layer.bias = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.dbias

import numpy as np


class Layer:
    def __init__(self, fan_in, fan_out):
        self.W = np.random.standard_normal((fan_out, fan_in))
        self.bias = np.zeros(fan_out)

    def forward(self, X):
        self.X = X
        return X @ self.W.T + self.bias

    def backward(self, dY):
        self.dW = np.zeros_like(self.W)
        self.dbias = np.zeros_like(self.bias)
        for k in reversed(range(len(dY))):
            self.dW += dY[k][:, None] * self.X[k][None, :]
            self.dbias += dY[k]
        return dY @ self.W
