# fault: aborts
# verdict: error crash
# says: backward pass ended its process by an abort
import os

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        os.abort()
