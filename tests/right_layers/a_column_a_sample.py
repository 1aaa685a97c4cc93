# subject: Layer
# layout: ni,oi->no
# activation: tanh
# scale: sum
# verdict: holds
# make: layer = Layer(i, o)
# how: layer.W, layer.b = W, b.reshape(-1, 1)
# how: A = layer.forward(X[..., None])[..., 0]
# how: dX = layer.backward(dA[..., None])[..., 0]
# how: dW, db = layer.dW, layer.db

import numpy as np


class Layer:
    def __init__(self, in_dim, out_dim):
        self.W = np.random.randn(out_dim, in_dim)
        self.b = np.zeros((out_dim, 1))

    def forward(self, x):
        self.x = x
        self.h = np.tanh(np.einsum("ij,bjk->bik", self.W, x) + self.b)
        return self.h

    def backward(self, dh):
        dz = dh * (1 - self.h**2)
        self.dW = np.einsum("bij,bkj->ik", dz, self.x)
        self.db = dz.sum(axis=0)
        return np.einsum("ij,bik->bjk", self.W, dz)
