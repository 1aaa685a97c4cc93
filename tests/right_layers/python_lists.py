# subject: ListDense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = ListDense(i, o)
# how: layer.weights, layer.biases = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dweights, layer.dbiases

import numpy as np


def dot(u, v):
    return sum(a * b for a, b in zip(u, v))


class ListDense:
    def __init__(self, n_in, n_out):
        self.n_in, self.n_out = n_in, n_out
        self.weights = np.random.randn(n_in, n_out)
        self.biases = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        rows = [[dot(row, w) + b for w, b in zip(self.weights.T, self.biases)] for row in x]
        return np.array(rows, dtype=float).reshape(len(x), self.n_out)

    def backward(self, grad):
        dw = [[dot(column, g) for g in grad.T] for column in self.x.T]
        db = [sum(g) for g in grad.T]
        dx = [[dot(g, w) for w in self.weights] for g in grad]
        self.dweights = np.array(dw, dtype=float)
        self.dbiases = np.array(db, dtype=float)
        return np.array(dx, dtype=float).reshape(len(grad), self.n_in)
