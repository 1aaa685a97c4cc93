# fault: takes memory piece by piece until there is none
# verdict: error crash
# says: MemoryError
import numpy as np

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        kept = []
        while True:
            kept.append(np.ones(2**22))
