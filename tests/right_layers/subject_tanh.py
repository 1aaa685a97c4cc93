# subject: layer
# layout: ni,io->no
# activation: tanh
# scale: sum
# verdict: holds
# how: out = layer(X=X, W=W, b=b, dA=dA)
# how: Z, A, dZ, dW, db, dX = (out[name] for name in ("Z", "A", "dZ", "dW", "db", "dX"))

import numpy as np

import backproof as bp


@bp.subject(spec=bp.dense(layout="ni,io->no", activation="tanh"))
def layer(X, W, b, dA):
    Z = X @ W + b
    A = np.tanh(Z)
    dZ = dA * (1 - A * A)
    return {
        "Z": Z,
        "A": A,
        "dZ": dZ,
        "dW": X.T @ dZ,
        "db": dZ.sum(axis=0),
        "dX": dZ @ W.T,
    }
