# subject: linear_backward
# layout: oi,in->on
# activation: linear
# scale: mean
# verdict: refuted
# quantity: dX
# mistake: wrong-scale
# correction: dA_prev = np.dot(W.T, dZ)
# line: 25
# how: Z, cache = linear_forward(X, W, b.reshape(-1, 1))
# how: dX, dW, db = linear_backward(dA, cache)

import numpy as np


def linear_forward(A_prev, W, b):
    return np.dot(W, A_prev) + b, (A_prev, W, b)


def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = (1 / m) * np.dot(dZ, A_prev.T)
    db = (1 / m) * np.sum(dZ, axis=1, keepdims=True)
    dA_prev = (1 / m) * np.dot(W.T, dZ)
    return dA_prev, dW, db
