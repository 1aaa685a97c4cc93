# fault: computes for ever
# verdict: error timeout
# says: backward pass took longer
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        while True:
            pass
