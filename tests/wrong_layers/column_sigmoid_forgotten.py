# subject: backward
# layout: oi,in->on
# activation: sigmoid
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: missing-activation-derivative
# correction: dW = dZ @ A_prev.T
# line: 24
# how: A, cache = forward(X, W, b.reshape(-1, 1))
# how: dX, dW, db = backward(dA, cache)

import numpy as np


def forward(A_prev, W, b):
    A = 1 / (1 + np.exp(-(W @ A_prev + b)))
    return A, (A_prev, W, A)


def backward(dA, cache):
    A_prev, W, A = cache
    dZ = A * (1 - A) * dA
    dW = dA @ A_prev.T
    db = dZ.sum(axis=1, keepdims=True)
    return W.T @ dZ, dW, db
