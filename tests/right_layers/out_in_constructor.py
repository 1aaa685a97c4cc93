# subject: Perceptrons
# layout: oi,in->on
# activation: sigmoid
# scale: sum
# verdict: holds
# make: layer = Perceptrons(o, i)
# how: layer.w, layer.b = W, b.reshape(-1, 1)
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dw, layer.db

import numpy as np


class Perceptrons:
    def __init__(self, n_out, n_in):
        self.w = np.random.randn(n_out, n_in)
        self.b = np.zeros((n_out, 1))

    def forward(self, a_prev):
        self.a_prev = a_prev
        self.z = self.w.dot(a_prev) + self.b
        return 0.5 + 0.5 * np.tanh(0.5 * self.z)

    def backward(self, da):
        t = np.tanh(0.5 * self.z)
        dz = da * (0.25 - 0.25 * t * t)
        self.dw = dz.dot(self.a_prev.T)
        self.db = np.sum(dz, axis=1).reshape(-1, 1)
        return self.w.T.dot(dz)
