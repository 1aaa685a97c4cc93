# subject: Linear
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# how: Z, cache = Linear.forward(X, W, b)
# how: dX, dW, db = Linear.backward(dA, cache)

import numpy as np


class Linear:
    @staticmethod
    def forward(x, w, b):
        return x @ w + b, (x, w)

    @staticmethod
    def backward(dout, cache):
        x, w = cache
        dx = dout @ w.T
        dw = x.T @ dout
        db = dout.sum(axis=0)
        return dx, dw, db
