# subject: Affine
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: wrong-operand
# correction: dx = np.dot(dout, self.W.T)
# line: 31
# make: layer = Affine(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Affine:
    def __init__(self, input_size, output_size):
        self.W = 0.01 * np.random.randn(input_size, output_size)
        self.b = np.zeros(output_size)

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        dx = np.dot(dout, self.dW.T)
        return dx
