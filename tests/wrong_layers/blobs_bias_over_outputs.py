# subject: FullyConnected
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: db
# mistake: wrong-axis
# correction: self.bias.diff = self.top.diff.sum(axis=0)
# line: 46
# make: layer = FullyConnected(Source(n, i), o)
# how: layer.weight.data, layer.bias.data = W, b
# how: layer.bottom.data = X
# how: layer.forward()
# how: layer.top.diff = dA
# how: layer.backward()
# how: Z, dX = layer.top.data, layer.bottom.diff
# how: dW, db = layer.weight.diff, layer.bias.diff

import numpy as np


class Blob:
    def __init__(self, data):
        self.data = data
        self.diff = np.zeros_like(data)


class Source:
    def __init__(self, batch_size, n_features):
        self.top = Blob(np.zeros((batch_size, n_features)))


class FullyConnected:
    def __init__(self, previous_layer, n_units):
        self.bottom = previous_layer.top
        count, n_inputs = self.bottom.data.shape
        self.weight = Blob(np.random.randn(n_inputs, n_units))
        self.bias = Blob(np.zeros(n_units))
        self.top = Blob(np.zeros((count, n_units)))

    def forward(self):
        self.top.data = self.bottom.data @ self.weight.data + self.bias.data

    def backward(self):
        self.weight.diff = self.bottom.data.T @ self.top.diff
        self.bias.diff = self.top.diff.sum(axis=1)
        self.bottom.diff = self.top.diff @ self.weight.data.T
