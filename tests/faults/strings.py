# fault: returns strings
# verdict: refuses dX
# says: an array of
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        return super().backward(dZ).astype(str)
