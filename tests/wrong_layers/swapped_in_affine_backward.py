# subject: affine_backward
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: operands-swapped
# correction: dw = x.T.dot(dout)
# line: 25
# needs: i=o
# how: Z, cache = affine_forward(X, W, b)
# how: dX, dW, db = affine_backward(dA, cache)

import numpy as np


def affine_forward(x, w, b):
    out = x.dot(w) + b
    return out, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T)
    dw = dout.dot(x.T)
    db = np.sum(dout, axis=0)
    return dx, dw, db
