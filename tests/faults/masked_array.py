# fault: returns a masked array
# verdict: error dX
# says: masked entries
import numpy as np

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        return np.ma.masked_array(super().backward(dZ), mask=True)
