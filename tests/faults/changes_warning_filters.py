# fault: turns warnings into errors
# verdict: holds
import warnings

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        warnings.simplefilter("error")
        return super().backward(dZ)
