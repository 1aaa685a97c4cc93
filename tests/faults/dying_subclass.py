# fault: returns an object whose conversion to an array ends the process
# verdict: error crash
# says: exit code 7
from right import Dense

import os


class Deadly:
    def __array__(self, *arguments, **named):
        os._exit(7)


class Layer(Dense):
    def backward(self, dZ):
        return Deadly()
