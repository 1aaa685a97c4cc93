# subject: affine_backward
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: db
# mistake: wrong-scale
# correction: db = dout.sum(axis=0)
# line: 25
# how: Z, cache = affine_forward(X, W, b)
# how: dX, dW, db = affine_backward(dA, cache)

import numpy as np


def affine_forward(x, w, b):
    cache = (x, w)
    return x @ w + b, cache


def affine_backward(dout, cache):
    x, w = cache
    dx = dout @ w.T
    dw = x.T @ dout
    db = dout.mean(axis=0)
    return dx, dw, db
