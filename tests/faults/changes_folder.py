# fault: changes the current folder
# verdict: holds
import os

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        os.chdir("/")
        return super().backward(dZ)
