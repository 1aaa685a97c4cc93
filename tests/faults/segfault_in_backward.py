# fault: reads address 0 in its backward pass
# verdict: error crash
# says: backward pass ended its process by a segmentation fault
import ctypes

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        ctypes.string_at(0)
