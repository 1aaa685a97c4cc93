# fault: turns warnings into errors and then warns
# verdict: error crash
# says: UserWarning
import warnings

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        warnings.simplefilter("error")
        warnings.warn("careful")
