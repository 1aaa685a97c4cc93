# fault: computes for ever in C code that never lets another thread run
# verdict: error timeout
# says: backward pass took longer
import re

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        re.match("(a+)+$", "a" * 60 + "b")
