# fault: calls itself without end
# verdict: error crash
# says: RecursionError
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        return self.backward(dZ)
