# fault: forks, and goes on in both processes
# verdict: holds
import os

from right import Dense

forked = []


class Layer(Dense):
    def backward(self, dZ):
        if not forked:
            forked.append(1)
            os.fork()
        return super().backward(dZ)
