# subject: OnlineDense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: operands-swapped
# also: transposed
# correction: self.dw += np.outer(x, d)
# line: 34
# needs: i=o
# make: layer = OnlineDense(i, o)
# how: layer.w, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dw, layer.db

import numpy as np


class OnlineDense:
    def __init__(self, n_in, n_out):
        self.w = np.random.uniform(-1, 1, size=(n_in, n_out))
        self.b = np.zeros(n_out)

    def forward(self, inputs):
        self.inputs = inputs
        return np.dot(inputs, self.w) + self.b

    def backward(self, deltas):
        self.dw = np.zeros_like(self.w)
        self.db = np.zeros_like(self.b)
        for x, d in zip(self.inputs, deltas):
            self.dw += np.outer(d, x)
            self.db += d
        return np.dot(deltas, self.w.T)
