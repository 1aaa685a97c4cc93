# subject: Layer
# layout: oi,in->on
# activation: sigmoid
# scale: sum
# verdict: holds
# make: layer = Layer(i, o)
# how: layer.W, layer.b = W, b.reshape(-1, 1)
# how: A = layer.forward(X)
# how: Z = layer.z
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.total

import numpy as np


class Layer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in)
        self.b = np.zeros((n_out, 1))

    def forward(self, a_prev):
        self.a_prev = a_prev
        self.z = self.W @ a_prev + self.b
        self.a = 1 / (1 + np.exp(-self.z))
        return self.a

    def backward(self, da):
        self.signal = da * self.a * (1 - self.a)
        self.dW = self.signal @ self.a_prev.T
        self.total = self.signal.sum(axis=1, keepdims=True)
        return self.W.T @ self.signal

    def step(self, rate):
        taken = rate * self.total
        self.W -= rate * self.dW
        self.b -= taken
