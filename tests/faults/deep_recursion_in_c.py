# fault: overflows the stack after it lifted the limit
# verdict: error crash
# says: backward pass ended its process by a segmentation fault
import sys

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        sys.setrecursionlimit(10**9)

        def down(n):
            return max([n], key=down)

        down(0)
