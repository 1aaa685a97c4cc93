# fault: returns complex numbers
# verdict: error dX
# says: an array of complex128
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        return super().backward(dZ).astype(complex)
