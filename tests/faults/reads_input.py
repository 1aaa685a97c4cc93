# fault: reads from standard input
# verdict: error crash
# says: EOFError
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        input()
