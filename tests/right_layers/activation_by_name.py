# subject: Dense
# layout: ni,io->no
# activation: tanh
# scale: sum
# verdict: holds
# make: layer = Dense(i, o)
# how: layer.W, layer.b = W, b
# how: A = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dW, layer.db

import numpy as np

ACTIVATIONS = {
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0) * 1.0),
}


class Dense:
    def __init__(self, n_in, n_out, activation="tanh", rng=None):
        rng = np.random.default_rng() if rng is None else rng
        self.W = rng.normal(0, n_in**-0.5, (n_in, n_out))
        self.b = np.zeros(n_out)
        self.g, self.g_prime_of_output = ACTIVATIONS[activation]

    def forward(self, x):
        self.x = x
        self.a = self.g(x @ self.W + self.b)
        return self.a

    def backward(self, da):
        dz = da * self.g_prime_of_output(self.a)
        self.dW = self.x.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.W.T
