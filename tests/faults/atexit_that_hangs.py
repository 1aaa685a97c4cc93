# fault: hangs when its process ends
# verdict: holds
import atexit
import time

from right import Dense

registered = []


class Layer(Dense):
    def backward(self, dZ):
        if not registered:
            registered.append(atexit.register(time.sleep, 10**6))
        return super().backward(dZ)
