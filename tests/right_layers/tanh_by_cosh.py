# subject: layer_backward
# layout: oi,in->on
# activation: tanh
# scale: sum
# verdict: holds
# how: A, cache = layer_forward(X, W, b.reshape(-1, 1))
# how: dX, dW, db = layer_backward(dA, cache)

import numpy as np


def layer_forward(a_prev, W, b):
    z = W @ a_prev + b
    return np.tanh(z), (a_prev, W, z)


def layer_backward(da, cache):
    a_prev, W, z = cache
    dz = da / np.cosh(z) ** 2
    return W.T @ dz, dz @ a_prev.T, dz.sum(axis=1, keepdims=True)
