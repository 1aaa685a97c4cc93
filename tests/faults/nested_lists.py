# fault: returns its gradient as nested lists
# verdict: holds
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        return super().backward(dZ).tolist()
