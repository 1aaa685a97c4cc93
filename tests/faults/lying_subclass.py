# fault: returns an array that lies about its shape and values
# verdict: refuted dX
from right import Dense

import numpy as np


class Liar(np.ndarray):
    @property
    def shape(self):
        return (0, 0)

    def __array__(self, *arguments, **named):
        return np.zeros((1, 1))

    def __eq__(self, other):
        return True


class Layer(Dense):
    def backward(self, dZ):
        return super().backward(dZ).T.copy().view(Liar)
