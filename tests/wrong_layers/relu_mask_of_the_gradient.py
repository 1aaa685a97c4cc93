# subject: relu_backward
# layout: oi,in->on
# activation: relu
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: wrong-mask
# correction: dZ[Z <= 0] = 0
# line: 24
# how: A, cache = relu_forward(X, W, b.reshape(-1, 1))
# how: dX, dW, db = relu_backward(dA, cache)

import numpy as np


def relu_forward(A_prev, W, b):
    Z = W @ A_prev + b
    return np.maximum(0, Z), (A_prev, W, Z)


def relu_backward(dA, cache):
    A_prev, W, Z = cache
    dZ = np.array(dA, copy=True)
    dZ[dZ <= 0] = 0
    return W.T @ dZ, dZ @ A_prev.T, dZ.sum(axis=1, keepdims=True)
