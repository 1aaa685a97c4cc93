# subject: Layer
# layout: oi,in->on
# activation: tanh
# scale: sum
# verdict: holds
# make: layer = Layer(i, o)
# how: layer.W, layer.B = W, b.reshape(-1, 1)
# how: A = layer.forward(X)
# how: dX, dW, db = layer.backward(dA)

import numpy as np


class Layer:
    def __init__(self, inputs, outputs):
        self.W = np.random.uniform(-1, 1, (outputs, inputs))
        self.B = np.random.uniform(-1, 1, (outputs, 1))

    def forward(self, A_prev):
        self.A_prev = A_prev
        self.A = np.tanh(self.W @ A_prev + self.B)
        return self.A

    def backward(self, dA):
        dZ = dA * (1 - self.A) * (1 + self.A)
        dW = np.einsum("om,im->oi", dZ, self.A_prev)
        dB = np.einsum("om->o", dZ)[:, None]
        dA_prev = np.einsum("oi,om->im", self.W, dZ)
        return dA_prev, dW, dB
