# subject: linear_fwd
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW
# mistake: float-precision
# correction: saved = x, w
# line: 17
# how: Z, saved = linear_fwd(X, W, b)
# how: dX, dW, db = linear_bwd(dA, saved)

import numpy as np


def linear_fwd(x, w, b):
    saved = x.astype(np.float16), w
    return x @ w + b, saved


def linear_bwd(dy, saved):
    x, w = saved
    return dy @ w.T, x.T @ dy, np.sum(dy, axis=0)
