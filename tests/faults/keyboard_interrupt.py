# fault: raises KeyboardInterrupt
# verdict: error crash
# says: KeyboardInterrupt
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        raise KeyboardInterrupt
