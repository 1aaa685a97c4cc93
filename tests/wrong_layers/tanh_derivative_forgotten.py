# subject: TanhLayer
# layout: ni,io->no
# activation: tanh
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: missing-activation-derivative
# correction: delta = grad * (1 - self.a**2)
# line: 30
# make: layer = TanhLayer(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class TanhLayer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.a = np.tanh(x @ self.W + self.b)
        return self.a

    def backward(self, grad):
        delta = grad
        self.dW = self.x.T @ delta
        self.db = delta.sum(axis=0)
        return delta @ self.W.T
