# fault: returns a generator
# verdict: error dX
# says: a generator
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        yield super().backward(dZ)
