# fault: changes the data that it is given
# verdict: refuted mutation
# says: changes what it is given: X
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        self.X *= 2
        return dZ @ self.W.T
