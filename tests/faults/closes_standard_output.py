# fault: closes sys.stdout
# verdict: holds
import sys

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        sys.stdout.close()
        return super().backward(dZ)
