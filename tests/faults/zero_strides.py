# fault: returns rows that share memory
# verdict: refuted dX
import numpy as np

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        found = super().backward(dZ)
        return np.broadcast_to(found[:1], found.shape)
