# fault: seeds Python's random numbers
# verdict: holds
import random

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        random.seed(0)
        return super().backward(dZ)
