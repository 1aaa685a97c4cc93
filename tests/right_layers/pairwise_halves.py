# subject: halves_backward
# layout: oi,in->on
# activation: linear
# scale: sum
# verdict: holds
# how: Z, cache = halves_forward(X, W, b.reshape(-1, 1))
# how: dX, dW, db = halves_backward(dA, cache)

import numpy as np


def halves_forward(x, w, b):
    return b + w @ x, (x, w)


def _gradients(dout, x):
    """Splits the batch in two until one sample is left, then adds the halves up."""
    m = x.shape[1]
    if m < 2:
        return dout @ x.T, dout.sum(axis=1, keepdims=True)
    left = _gradients(dout[:, : m // 2], x[:, : m // 2])
    right = _gradients(dout[:, m // 2 :], x[:, m // 2 :])
    return left[0] + right[0], left[1] + right[1]


def halves_backward(dout, cache):
    x, w = cache
    dw, db = _gradients(dout, x)
    return w.T @ dout, dw, db
