# fault: makes NumPy raise from then on
# verdict: holds
import numpy as np

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        found = super().backward(dZ)
        np.seterr(all="raise")
        return found
