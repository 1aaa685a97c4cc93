# fault: returns an object that runs code when it is unpickled
# verdict: error dX
# says: a Pickled
from right import Dense

import os


class Pickled:
    def __reduce__(self):
        return os.abort, ()


class Layer(Dense):
    def backward(self, dZ):
        return Pickled()
