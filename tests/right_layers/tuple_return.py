# subject: DenseLayer
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: holds
# make: layer = DenseLayer(i, o)
# how: layer.W, layer.b = W, b
# how: Z = layer.forward(X)
# how: dW, db, dX = layer.backward(dA)

import numpy as np


class DenseLayer:
    def __init__(self, nb_inputs, nb_outputs):
        self.W = np.random.randn(nb_inputs, nb_outputs)
        self.b = np.zeros(nb_outputs)

    def forward(self, X):
        self.X = X
        return X.dot(self.W) + self.b

    def backward(self, dZ):
        dW = self.X.T.dot(dZ)
        db = dZ.sum(axis=0)
        dX = dZ.dot(self.W.T)
        return dW, db, dX
