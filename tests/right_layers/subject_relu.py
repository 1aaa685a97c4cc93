# subject: relu_layer
# layout: ni,oi->no
# activation: relu
# scale: sum
# verdict: holds
# how: out = relu_layer(X=X, W=W, b=b, dA=dA)
# how: Z, A, dZ, dW, db, dX = (out[name] for name in ("Z", "A", "dZ", "dW", "db", "dX"))

import numpy as np

import backproof as bp


@bp.subject(spec=bp.dense(layout="ni,oi->no", activation="relu"))
def relu_layer(X, W, b, dA):
    Z = np.einsum("ni,oi->no", X, W) + b
    dZ = np.where(Z > 0, dA, 0)
    return dict(
        Z=Z,
        A=np.maximum(Z, 0),
        dZ=dZ,
        dW=np.einsum("no,ni->oi", dZ, X),
        db=np.einsum("no->o", dZ),
        dX=np.einsum("no,oi->ni", dZ, W),
    )
