# subject: linear_backward
# layout: oi,in->on
# activation: linear
# scale: mean
# verdict: holds
# how: Z, cache = linear_forward(X, W, b.reshape(-1, 1))
# how: dX, dW, db = linear_backward(dA, cache)

import numpy as np


def linear_forward(A_prev, W, b):
    """
    A_prev -- (n_prev, m), W -- (n, n_prev), b -- (n, 1)
    """
    Z = np.dot(W, A_prev) + b
    cache = (A_prev, W, b)
    return Z, cache


def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]

    dW = 1.0 / m * np.dot(dZ, A_prev.T)
    db = 1.0 / m * np.sum(dZ, axis=1, keepdims=True)
    dA_prev = np.dot(W.T, dZ)

    assert dW.shape == W.shape
    assert db.shape == b.shape
    return dA_prev, dW, db
