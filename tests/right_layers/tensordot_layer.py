# subject: TensordotLayer
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = TensordotLayer(i, o)
# how: layer.weight, layer.bias = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dweight, layer.dbias

import numpy as np


class TensordotLayer:
    def __init__(self, n_in, n_out):
        self.weight = np.random.randn(n_out, n_in) / n_in
        self.bias = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return np.tensordot(x, self.weight, axes=(1, 1)) + self.bias

    def backward(self, g):
        self.dweight = np.tensordot(g, self.x, axes=(0, 0))
        self.dbias = np.tensordot(np.ones(g.shape[0]), g, axes=1)
        return np.tensordot(g, self.weight, axes=([1], [0]))
