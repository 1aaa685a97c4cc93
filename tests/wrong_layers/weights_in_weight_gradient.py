# subject: backward
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: extra-factor
# correction: dW = X.T @ dY
# line: 24
# how: Z, cache = forward(X, W, b)
# how: dX, dW, db = backward(dA, cache)

import numpy as np


def forward(X, W, b):
    Y = X @ W + b
    return Y, (X, W, b)


def backward(dY, cache):
    X, W, b = cache
    dX = dY @ W.T
    dW = X.T @ dY * W
    db = np.sum(dY, axis=0)
    return dX, dW, db
