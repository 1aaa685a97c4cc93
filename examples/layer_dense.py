"""A dense layer as it stands in many notes, with two wrong gradients."""

import numpy as np


class LayerDense:
    def __init__(self, n_inputs, n_neurons):
        self.w = 0.10 * np.random.randn(n_inputs, n_neurons)
        self.b = np.zeros((1, n_neurons))

    def forward(self, a):
        self.a = a
        self.z = np.dot(self.a, self.w) + self.b

    def backward(self, dz):
        # gradients of the parameters
        self.dw = dz @ self.a.T
        self.db = dz.sum(axis=0, keepdims=True)
        # gradient of the input, for the layer before
        self.dz = dz @ self.w
