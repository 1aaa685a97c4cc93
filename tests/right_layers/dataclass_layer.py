# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = Dense(i, o)
# how: layer.weight, layer.bias = W, b
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)
# how: dW, db = layer.dweight, layer.dbias

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Dense:
    n_in: int
    n_out: int
    weight: np.ndarray = field(init=False, repr=False)
    bias: np.ndarray = field(init=False, repr=False)
    dweight: np.ndarray = field(init=False, repr=False, default=None)
    dbias: np.ndarray = field(init=False, repr=False, default=None)

    def __post_init__(self):
        self.weight = np.random.default_rng(0).normal(size=(self.n_in, self.n_out))
        self.bias = np.zeros(self.n_out)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._x = x
        return x @ self.weight + self.bias

    def backward(self, grad: np.ndarray) -> np.ndarray:
        self.dweight = self._x.T @ grad
        self.dbias = grad.sum(axis=0)
        return grad @ self.weight.T
