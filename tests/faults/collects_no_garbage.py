# fault: turns garbage collection off
# verdict: holds
import gc

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        gc.disable()
        return super().backward(dZ)
