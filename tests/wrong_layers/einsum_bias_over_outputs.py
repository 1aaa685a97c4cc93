# subject: EinsumLayer
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: db
# mistake: wrong-axis
# correction: db = np.einsum("no->o", g)
# line: 29
# make: layer = EinsumLayer(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dW, db, dX = layer.backward(dA)

import numpy as np


class EinsumLayer:
    def __init__(self, n_in, n_out):
        self.W = np.random.standard_normal((n_out, n_in))
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return np.einsum("oi,ni->no", self.W, x) + self.b

    def backward(self, g):
        dW = np.einsum("no,ni->oi", g, self.x)
        db = np.einsum("no->n", g)
        dX = np.einsum("no,oi->ni", g, self.W)
        return dW, db, dX
