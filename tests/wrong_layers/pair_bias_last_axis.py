# subject: dense_backward
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: db
# mistake: wrong-axis
# correction: db = dout.sum(axis=0)
# line: 24
# how: Z, cache = dense_forward(X, W, b)
# how: dX, dW, db = dense_backward(dA, cache)

import numpy as np


def dense_forward(x, w, b):
    return np.matmul(x, w) + b, (x, w)


def dense_backward(dout, cache):
    x, w = cache
    dx = np.matmul(dout, np.transpose(w))
    dw = np.matmul(np.transpose(x), dout)
    db = dout.sum(axis=-1)
    return dx, dw, db
