# fault: lowers the limit of recursion
# verdict: holds
import sys

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        sys.setrecursionlimit(200)
        return super().backward(dZ)
