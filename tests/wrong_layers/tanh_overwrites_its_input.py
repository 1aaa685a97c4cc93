# subject: TanhInPlace
# layout: ni,io->no
# activation: tanh
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: derivative-at-output
# correction: self.pre = out.copy()
# line: 27
# make: layer = TanhInPlace(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class TanhInPlace:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        out = x @ self.W + self.b
        self.pre = out
        np.tanh(out, out=out)
        return out

    def backward(self, dout):
        dpre = dout / np.cosh(self.pre) ** 2
        self.dW = self.x.T @ dpre
        self.db = dpre.sum(axis=0)
        return dpre @ self.W.T
