# subject: EinsumDense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: transposed
# also: operands-swapped
# correction: dW = np.einsum("no,ni->io", dY, self.X)
# line: 30
# make: layer = EinsumDense(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX, dW, db = layer.backward(dA)

import numpy as np


class EinsumDense:
    def __init__(self, n_in, n_out):
        self.W = np.random.rand(n_in, n_out)
        self.b = np.random.rand(n_out)

    def forward(self, X):
        self.X = X
        return np.einsum("ni,io->no", X, self.W) + self.b

    def backward(self, dY):
        dX = np.einsum("no,io->ni", dY, self.W)
        dW = np.einsum("no,ni->oi", dY, self.X)
        db = np.einsum("no->o", dY)
        return dX, dW, db
