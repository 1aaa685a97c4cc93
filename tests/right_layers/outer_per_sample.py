# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = Dense(i, o)
# how: layer.kernel, layer.bias = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dkernel, layer.dbias

import numpy as np


class Dense:
    def __init__(self, input_dim, units):
        self.kernel = np.random.uniform(-0.1, 0.1, (input_dim, units))
        self.bias = np.zeros((units,))

    def forward(self, inputs):
        self.inputs = inputs
        return inputs @ self.kernel + self.bias

    def backward(self, upstream):
        dkernel = np.zeros(self.kernel.shape)
        dbias = np.zeros(self.bias.shape)
        dinputs = np.zeros(self.inputs.shape)
        for row, (x, g) in enumerate(zip(self.inputs, upstream)):
            dkernel += np.outer(x, g)
            dbias += g
            dinputs[row] = self.kernel @ g
        self.dkernel, self.dbias = dkernel, dbias
        return dinputs
