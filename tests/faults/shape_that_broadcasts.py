# fault: stores dW with one axis too many
# verdict: refuted dW
# says: shape
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        found = super().backward(dZ)
        self.dW = self.dW[None]
        return found
