# fault: returns the upstream gradient itself where it fits
# verdict: refuted dX
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        super().backward(dZ)
        return dZ
