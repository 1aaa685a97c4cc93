# subject: layer
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: wrong-sign
# correction: dX = dZ @ W
# line: 24
# how: out = layer(X=X, W=W, b=b, dA=dA)
# how: Z, A, dZ, dW, db, dX = (out[name] for name in ("Z", "A", "dZ", "dW", "db", "dX"))

import numpy as np

import backproof as bp


@bp.subject(spec=bp.dense(layout="ni,oi->no", activation="linear"))
def layer(X, W, b, dA):
    Z = X @ W.T + b
    dZ = dA.copy()
    dW = dZ.T @ X
    db = np.sum(dZ, axis=0)
    dX = -dZ @ W
    return {"Z": Z, "A": Z.copy(), "dZ": dZ, "dW": dW, "db": db, "dX": dX}
