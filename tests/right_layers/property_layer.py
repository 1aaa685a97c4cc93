# subject: Linear
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = Linear(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class Linear:
    """Stores the transposed matrix and shows it as (n_in, n_out)."""

    def __init__(self, n_in, n_out):
        self._wt = np.random.randn(n_out, n_in)
        self._b = np.zeros(n_out)
        self._grads = (None, None)

    @property
    def W(self):
        return self._wt.T

    @W.setter
    def W(self, value):
        self._wt = np.asarray(value).T

    @property
    def b(self):
        return self._b

    @b.setter
    def b(self, value):
        self._b = np.asarray(value)

    @property
    def dW(self):
        return self._grads[0].T

    @property
    def db(self):
        return self._grads[1]

    def forward(self, x):
        self._x = x
        return x @ self._wt.T + self._b

    def backward(self, g):
        self._grads = (g.T @ self._x, g.sum(axis=0))
        return g @ self._wt
