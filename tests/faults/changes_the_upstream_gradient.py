# fault: changes the gradient that it is given
# verdict: refuted mutation
# says: changes what it is given: dZ
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        found = super().backward(dZ)
        dZ[...] = 0
        return found
