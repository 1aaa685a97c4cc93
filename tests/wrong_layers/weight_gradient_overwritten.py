# subject: affine_backward
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: missing-sum
# correction: dw += np.outer(g, xi)
# line: 25
# how: Z, cache = affine_forward(X, W, b)
# how: dX, dW, db = affine_backward(dA, cache)

import numpy as np


def affine_forward(x, w, b):
    return x @ w.T + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    dw = np.zeros_like(w)
    db = np.zeros(len(w))
    for xi, g in zip(x, dout):
        dw = np.outer(g, xi)
        db += g
    return dout @ w, dw, db
