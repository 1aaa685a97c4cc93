# fault: changes the data that it is given
# verdict: refuted X
# says: changed
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        self.X *= 2
        return dZ @ self.W.T
