# fault: returns a structured array
# verdict: error dX
# says: an array of
import numpy as np

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        return np.zeros(self.X.shape, dtype=[("value", float)])
