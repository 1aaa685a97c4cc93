# subject: LayerDense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW, dX
# mistake: operands-swapped
# correction: self.dw = self.a.T @ dz
# line: 46
# mistake: transposed
# correction: self.dz = dz @ self.w.T
# line: 49
# needs: i=o
# make: layer = LayerDense(i, o)
# how: layer.w, layer.b = W, b.reshape(1, -1)
# how: layer.forward(X)
# how: Z = layer.z
# how: layer.backward(dA)
# how: dW, db, dX = layer.dw, layer.db, layer.dz

import numpy as np


class LayerDense:
    """Layer Module
    It is recommended that input data X is scaled(data scaling operations)
    so that data is normalized but meaning of the data remains same.
    Args:
        n_inputs (int) : number of inputs
        n_neurons (int) : number of neurons
    """

    def __init__(self, n_inputs, n_neurons):
        """ """
        self.w = 0.10 * np.random.randn(n_inputs, n_neurons)  # multiply by 0.1 to make it small
        self.b = np.zeros((1, n_neurons))

    def forward(self, a):
        """forward propogation calculation"""
        self.a = a
        self.z = np.dot(self.a, self.w) + self.b

    def backward(self, dz):
        """backward pass"""
        # gradient on parameters
        self.dw = dz @ self.a.T
        self.db = dz.sum(axis=0, keepdims=True)
        # gradient on values / input to next layer in backpropogation
        self.dz = dz @ self.w
