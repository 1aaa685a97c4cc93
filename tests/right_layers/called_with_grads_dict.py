# subject: Dense
# layout: ni,io->no
# activation: tanh
# scale: sum
# verdict: holds
# make: layer = Dense(i, o)
# how: layer.params["W1"], layer.params["b1"] = W, b.reshape(1, -1)
# how: A = layer(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.grads["W1"], layer.grads["b1"]

import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.params = {"W1": np.random.randn(n_in, n_out), "b1": np.zeros((1, n_out))}
        self.grads = {}

    def __call__(self, x):
        self.x = x
        self.a = np.tanh(x @ self.params["W1"] + self.params["b1"])
        return self.a

    def backward(self, da):
        dz = da * (1 - self.a**2)
        self.grads["W1"] = self.x.T @ dz
        self.grads["b1"] = dz.sum(axis=0, keepdims=True)
        return dz @ self.params["W1"].T
