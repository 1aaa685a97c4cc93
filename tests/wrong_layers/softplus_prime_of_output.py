# subject: SoftplusLayer
# layout: ni,oi->no
# activation: softplus
# scale: sum
# verdict: refuted
# quantity: dZ, dW, db, dX
# root: dZ
# mistake: derivative-at-output
# correction: self.dz = da / (1 + np.exp(-self.z))
# line: 32
# make: layer = SoftplusLayer(i, o)
# how: layer.w, layer.b = W, b
# how: layer.forward(X)
# how: Z, A = layer.z, layer.a
# how: layer.backward(dA)
# how: dZ, dW, db, dX = layer.dz, layer.dw, layer.db, layer.dx

import numpy as np


class SoftplusLayer:
    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_out, n_in)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.z = x @ self.w.T + self.b
        self.a = np.logaddexp(self.z, 0)

    def backward(self, da):
        self.dz = da / (1 + np.exp(-self.a))
        self.dw = self.dz.T @ self.x
        self.db = self.dz.sum(axis=0)
        self.dx = self.dz @ self.w
