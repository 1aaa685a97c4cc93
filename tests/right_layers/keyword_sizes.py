# subject: DenseBlock
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = DenseBlock(n_in=i, n_out=o)
# how: layer.weights, layer.biases = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.weights_gradient, layer.biases_gradient

import numpy as np


class DenseBlock:
    def __init__(self, *, n_in, n_out, rng=None):
        rng = rng or np.random.default_rng(1)
        self.weights = rng.standard_normal((n_out, n_in))
        self.biases = rng.standard_normal(n_out)

    def forward(self, batch):
        self._batch = batch
        return batch @ self.weights.T + self.biases

    def backward(self, upstream):
        self.weights_gradient = upstream.T @ self._batch
        self.biases_gradient = upstream.sum(axis=0)
        return upstream @ self.weights
