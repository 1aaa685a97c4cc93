# subject: affine_backward
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: shape
# correction: dx = np.dot(dout, w.T)
# line: 22
# how: Z, cache = affine_forward(X, W, b)
# how: dX, dW, db = affine_backward(dA, cache)

import numpy as np


def affine_forward(x, w, b):
    return np.dot(x, w) + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    dx = np.dot(dout, w.T).ravel()
    dw = np.dot(x.T, dout)
    db = dout.sum(axis=0)
    return dx, dw, db
