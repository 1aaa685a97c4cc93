# subject: TanhLayer
# layout: ni,oi->no
# activation: tanh
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: wrong-sign
# correction: dz = (1 - self.out**2) * upstream
# line: 30
# make: layer = TanhLayer(i, o)
# how: layer.weight, layer.bias = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dweight, layer.dbias

import numpy as np


class TanhLayer:
    def __init__(self, n_in, n_out):
        self.weight = np.random.randn(n_out, n_in)
        self.bias = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.out = np.tanh(x @ self.weight.T + self.bias)
        return self.out

    def backward(self, upstream):
        dz = (self.out**2 - 1) * upstream
        self.dweight = dz.T @ self.x
        self.dbias = dz.sum(axis=0)
        return dz @ self.weight
