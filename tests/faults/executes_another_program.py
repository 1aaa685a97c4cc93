# fault: replaces its process by another program
# verdict: error crash
# says: backward pass
import os

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        os.execv("/bin/true", ["true"])
