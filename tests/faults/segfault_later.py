# fault: reads address 0 once there are more than three samples
# verdict: error crash
# says: backward pass ended its process by a segmentation fault
import ctypes

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        if len(dZ) > 3:
            ctypes.string_at(0)
        return super().backward(dZ)
