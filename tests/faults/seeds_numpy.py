# fault: seeds NumPy's random numbers
# verdict: holds
import numpy as np

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        np.random.seed(0)
        return super().backward(dZ)
