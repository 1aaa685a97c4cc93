# subject: dense_forward
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# how: Z, cache = dense_forward(X, W, b)
# how: dX, dW, db = dense_backward(dA, cache)

import numpy as np


def dense_forward(x, w, b):
    out = x @ w + b[np.newaxis, :]
    return out, {"x": x, "w": w}


def dense_backward(dout, cache):
    x = cache["x"]
    w = cache["w"]
    dx = dout @ w.T
    dw = x.T @ dout
    db = np.ones(len(dout)) @ dout
    return dx, dw, db
