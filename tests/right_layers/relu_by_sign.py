# subject: relu_affine_backward
# layout: ni,io->no
# activation: relu
# scale: sum
# verdict: holds
# how: A, cache = relu_affine_forward(X, W, b)
# how: dX, dW, db = relu_affine_backward(dA, cache)

import numpy as np


def relu_affine_forward(x, w, b):
    z = x @ w + b
    return 0.5 * (z + abs(z)), (x, w, z)


def relu_affine_backward(dout, cache):
    x, w, z = cache
    dz = 0.5 * dout * (1 + np.sign(z))
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)
