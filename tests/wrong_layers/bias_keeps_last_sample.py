# subject: LoopDense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: db
# mistake: missing-sum
# correction: db += dy[n]
# line: 34
# make: layer = LoopDense(i, o)
# how: layer.w, layer.b = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dw, layer.db

import numpy as np


class LoopDense:
    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, dy):
        dw = np.zeros_like(self.w)
        db = np.zeros_like(self.b)
        dx = np.zeros_like(self.x)
        for n in range(len(dy)):
            dw += self.x[n][:, None] * dy[n]
            db = dy[n]
            dx[n] = self.w @ dy[n]
        self.dw, self.db = dw, db
        return dx
