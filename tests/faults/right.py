"""A right dense layer, from which each faulty one differs in one thing."""

import numpy as np


class Dense:
    def __init__(self, inputs, outputs):
        self.W = np.zeros((inputs, outputs))
        self.b = np.zeros(outputs)

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dZ):
        self.dW = self.X.T @ dZ
        self.db = dZ.sum(axis=0)
        return dZ @ self.W.T
