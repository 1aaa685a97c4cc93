# subject: SlowDense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = SlowDense(i, o)
# how: layer.w, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dw, layer.db

import numpy as np


class SlowDense:
    """Nothing but sums, one number at a time."""

    def __init__(self, n_inputs, n_outputs):
        self.n_inputs = n_inputs
        self.n_outputs = n_outputs
        self.w = np.random.rand(n_inputs, n_outputs) - 0.5
        self.b = np.zeros(n_outputs)

    def forward(self, x):
        self.x = x
        batch = x.shape[0]
        y = np.zeros((batch, self.n_outputs))
        for n in range(batch):
            for j in range(self.n_outputs):
                s = self.b[j]
                for i in range(self.n_inputs):
                    s += x[n, i] * self.w[i, j]
                y[n, j] = s
        return y

    def backward(self, dy):
        batch = self.x.shape[0]
        self.dw = np.zeros((self.n_inputs, self.n_outputs))
        self.db = np.zeros(self.n_outputs)
        dx = np.zeros((batch, self.n_inputs))
        for n in range(batch):
            for j in range(self.n_outputs):
                g = dy[n, j]
                self.db[j] += g
                for i in range(self.n_inputs):
                    self.dw[i, j] += self.x[n, i] * g
                    dx[n, i] += self.w[i, j] * g
        return dx
