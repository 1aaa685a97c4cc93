# fault: returns a structured array
# verdict: refuses dX
# says: an array of
import numpy as np

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        return np.zeros(self.X.shape, dtype=[("value", float)])
