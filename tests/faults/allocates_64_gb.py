# fault: asks for 64 GB
# verdict: error crash
# says: MemoryError
import numpy as np

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        np.ones((2**33,))
