# fault: returns an array that cannot be written
# verdict: holds
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        found = super().backward(dZ)
        found.flags.writeable = False
        return found
