# subject: linear_backward
# layout: oi,in->on
# activation: linear
# scale: sum
# verdict: refuted
# quantity: db
# mistake: missing-sum
# correction: db = dZ.sum(axis=1, keepdims=True)
# line: 25
# how: Z, cache = linear_forward(X, W, b.reshape(-1, 1))
# how: dX, dW, db = linear_backward(dA, cache)

import numpy as np


def linear_forward(A, W, b):
    Z = np.dot(W, A) + b
    return Z, {"A": A, "W": W, "b": b}


def linear_backward(dZ, cache):
    A, W = cache["A"], cache["W"]
    dA_prev = np.dot(W.T, dZ)
    dW = np.dot(dZ, A.T)
    db = dZ.copy()
    return dA_prev, dW, db
