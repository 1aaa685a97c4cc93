# fault: raises an exception whose message never ends
# verdict: error timeout
# says: took longer
from right import Dense

import time


class Slow(Exception):
    def __str__(self):
        time.sleep(10**6)


class Layer(Dense):
    def backward(self, dZ):
        raise Slow
