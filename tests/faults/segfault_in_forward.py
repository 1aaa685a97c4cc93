# fault: reads address 0 in its forward pass
# verdict: error crash
# says: forward pass ended its process by a segmentation fault
import ctypes

from right import Dense


class Layer(Dense):
    def forward(self, X):
        ctypes.string_at(0)
