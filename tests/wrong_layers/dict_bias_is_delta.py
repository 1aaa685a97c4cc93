# subject: SigmoidLayer
# layout: ni,io->no
# activation: sigmoid
# scale: sum
# verdict: refuted
# quantity: db
# mistake: missing-sum
# correction: grad_b = np.sum(delta, axis=0)
# line: 32
# make: layer = SigmoidLayer(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: grads = layer.backward(dA)
# how: dW, db, dX = grads["dW"], grads["db"], grads["dX"]

import numpy as np


class SigmoidLayer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        self.A = 1 / (1 + np.exp(-(X @ self.W + self.b)))
        return self.A

    def backward(self, dA):
        delta = dA * self.A * (1 - self.A)
        grad_w = self.X.T @ delta
        grad_b = 1 * delta
        return {"dW": grad_w, "db": grad_b, "dX": delta @ self.W.T}
