# fault: returns whole numbers
# verdict: refuted dX
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        return super().backward(dZ).astype(int)
