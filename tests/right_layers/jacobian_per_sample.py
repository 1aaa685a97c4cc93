# subject: JacobianLayer
# layout: ni,oi->no
# activation: tanh
# scale: sum
# verdict: holds
# make: layer = JacobianLayer(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np


class JacobianLayer:
    """Multiplies by the full Jacobians, sample by sample, as the chain rule is taught."""

    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        self.A = np.tanh(X @ self.W.T + self.b)
        return self.A

    def backward(self, dA):
        self.dW = np.zeros_like(self.W)
        self.db = np.zeros_like(self.b)
        dX = np.empty_like(self.X)
        for n in range(self.X.shape[0]):
            da_dz = np.diag(1 - self.A[n] ** 2)
            dz_dx = self.W
            dz_db = np.eye(len(self.b))
            dz = dA[n] @ da_dz
            self.dW += np.outer(dz, self.X[n])
            self.db += dz @ dz_db
            dX[n] = dz @ dz_dx
        return dX
