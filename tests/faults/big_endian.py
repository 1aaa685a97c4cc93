# fault: returns numbers in the other byte order
# verdict: holds
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        found = super().backward(dZ)
        return found.astype(found.dtype.newbyteorder(">"))
