# subject: BufferedDense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = BufferedDense(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class BufferedDense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        out = np.empty((X.shape[0], self.W.shape[1]))
        np.matmul(X, self.W, out=out)
        np.add(out, self.b, out=out)
        return out

    def backward(self, dout):
        self.dW = np.empty_like(self.W)
        self.db = np.empty_like(self.b)
        dX = np.empty_like(self.X)
        np.matmul(self.X.T, dout, out=self.dW)
        np.sum(dout, axis=0, out=self.db)
        np.matmul(dout, self.W.T, out=dX)
        return dX
