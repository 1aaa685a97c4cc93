# fault: returns strings
# verdict: error dX
# says: an array of
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        return super().backward(dZ).astype(str)
