# fault: returns a matrix, of a kind that multiplies differently
# verdict: holds
import numpy as np

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        return np.matrix(super().backward(dZ))
