# subject: linear_bwd
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: holds
# how: Z, saved = linear_fwd(X, W, b)
# how: dX, dW, db = linear_bwd(dA, saved)

import numpy as np


def linear_fwd(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_bwd(dy, saved):
    x, weight = saved
    # (weight.T @ dy.T).T, so that the small matrix comes first
    return (weight.T @ dy.T).T, (x.T @ dy).T, dy.sum(axis=-2)
