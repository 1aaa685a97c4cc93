# fault: sets a trace function
# verdict: holds
import sys

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        sys.settrace(lambda *a: None)
        return super().backward(dZ)
