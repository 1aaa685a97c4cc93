# fault: empties the environment
# verdict: holds
import os

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        os.environ.clear()
        os.environ["OPENBLAS_NUM_THREADS"] = "64"
        return super().backward(dZ)
