# fault: raises an exception whose message raises
# verdict: error crash
# says: Silent
from right import Dense


class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no message")


class Layer(Dense):
    def backward(self, dZ):
        raise Silent
