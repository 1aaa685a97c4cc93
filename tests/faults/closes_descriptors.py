# fault: closes every descriptor
# verdict: error crash
# says: layer closed the pipes
import os

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        os.closerange(0, 1000)
        return super().backward(dZ)
