# fault: raises an exception with a message of 5 MB
# verdict: error crash
# says: ValueError
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        raise ValueError("x" * 5_000_000)
