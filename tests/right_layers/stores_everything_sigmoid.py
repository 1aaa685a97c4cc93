# subject: LayerSigmoid
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: holds
# make: layer = LayerSigmoid(i, o)
# how: layer.w, layer.b = W, b.reshape(1, -1)
# how: layer.forward(X)
# how: Z, A = layer.z, layer.a
# how: layer.backward(dA)
# how: dZ, dW, db, dX = layer.dz, layer.dw, layer.db, layer.dx

import numpy as np


class LayerSigmoid:
    def __init__(self, n_inputs, n_neurons):
        self.w = np.random.randn(n_inputs, n_neurons)
        self.b = np.zeros((1, n_neurons))

    def forward(self, x):
        self.x = x
        self.z = x @ self.w + self.b
        self.a = 1 / (1 + np.exp(-self.z))

    def backward(self, da):
        self.da = da
        self.dz = self.da * (self.a * (1 - self.a))
        self.dw = self.x.T @ self.dz
        self.db = self.dz.sum(axis=0, keepdims=True)
        self.dx = self.dz @ self.w.T
