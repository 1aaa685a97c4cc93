# subject: affine_backward
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# how: Z, cache = affine_forward(X, W, b)
# how: dX, dW, db = affine_backward(dA, cache)

import numpy as np


def affine_forward(x, w, b):
    """Inputs of any shape (N, d1, ..., dk) are flattened to (N, D)."""
    rows = x.reshape(len(x), w.shape[0])
    out = np.dot(rows, w) + b
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    x, w, b = cache
    rows = x.reshape(len(x), w.shape[0])
    dx = np.dot(dout, w.T).reshape(x.shape)
    dw = np.dot(rows.T, dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db
