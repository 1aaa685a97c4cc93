# subject: sigmoid_layer_backward
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: refuted
# quantity: dW, db, dX
# mistake: wrong-operand
# correction: dz = dout * sigmoid(z) * (1 - sigmoid(z))
# line: 27
# how: A, cache = sigmoid_layer_forward(X, W, b)
# how: dX, dW, db = sigmoid_layer_backward(dA, cache)

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoid_layer_forward(x, w, b):
    z = x @ w + b
    return sigmoid(z), (x, w, z)


def sigmoid_layer_backward(dout, cache):
    x, w, z = cache
    dz = dout * z * (1 - z)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)
