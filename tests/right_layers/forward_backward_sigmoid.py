# subject: forward
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: holds
# how: A, cache = forward(X, W, b)
# how: dX, dW, db = backward(dA, cache)

import numpy as np


def sigmoid(z):
    return np.exp(-np.logaddexp(0, -z))


def forward(x, w, b):
    a = sigmoid(x.dot(w) + b)
    return a, (x, w, a)


def backward(upstream, cache):
    x, w, a = cache
    delta = upstream * (a - a * a)
    return delta.dot(w.T), x.T.dot(delta), delta.sum(0)
