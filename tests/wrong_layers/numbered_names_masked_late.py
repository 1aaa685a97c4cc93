# subject: layer1_forward
# layout: ni,io->no
# activation: relu
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: missing-activation-derivative
# correction: dx = dz1 @ W1.T
# line: 27
# how: A, cache = layer1_forward(X, W, b)
# how: dX, dW, db = layer1_backward(dA, cache)

import numpy as np


def layer1_forward(x, W1, b1):
    z1 = x @ W1 + b1
    a1 = np.maximum(z1, 0)
    return a1, (x, W1, z1)


def layer1_backward(da1, cache):
    x, W1, z1 = cache
    dz1 = da1 * (z1 > 0)
    dW1 = x.T @ dz1
    db1 = dz1.sum(axis=0)
    dx = da1 @ W1.T
    return dx, dW1, db1
