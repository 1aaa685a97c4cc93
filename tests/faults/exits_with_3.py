# fault: leaves the process with exit code 3
# verdict: error crash
# says: backward pass ended its process with exit code 3
import os

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        os._exit(3)
