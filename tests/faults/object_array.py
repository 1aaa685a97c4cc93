# fault: returns an array of objects
# verdict: error dX
# says: an array of object
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        return super().backward(dZ).astype(object)
