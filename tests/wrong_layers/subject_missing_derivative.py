# subject: tanh_dense
# layout: ni,io->no
# activation: tanh
# scale: sum
# verdict: refuted
# quantity: dZ, dW, db, dX
# root: dZ
# mistake: missing-activation-derivative
# correction: dZ = dA * (1 - A**2)
# line: 23
# how: out = tanh_dense(X=X, W=W, b=b, dA=dA)
# how: Z, A, dZ, dW, db, dX = (out[name] for name in ("Z", "A", "dZ", "dW", "db", "dX"))

import numpy as np

import backproof as bp


@bp.subject(spec=bp.dense(layout="ni,io->no", activation="tanh"))
def tanh_dense(X, W, b, dA):
    Z = X @ W + b
    A = np.tanh(Z)
    dZ = dA * 1.0
    dW = X.T @ dZ
    db = dZ.sum(axis=0)
    dX = dZ @ W.T
    return {"Z": Z, "A": A, "dZ": dZ, "dW": dW, "db": db, "dX": dX}
