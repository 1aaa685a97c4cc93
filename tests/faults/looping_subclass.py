# fault: returns an object whose conversion to an array never ends
# verdict: error timeout
# says: took longer
from right import Dense


class Endless:
    def __array__(self, *arguments, **named):
        while True:
            pass


class Layer(Dense):
    def backward(self, dZ):
        return Endless()
