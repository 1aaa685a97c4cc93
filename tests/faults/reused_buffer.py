# fault: returns its input's gradient in a buffer that the next call overwrites
# verdict: holds
from right import Dense

buffers = {}


class Layer(Dense):
    def backward(self, dZ):
        found = super().backward(dZ)
        key = found.shape, found.dtype.char
        buffer = buffers.setdefault(key, found)
        buffer[...] = found
        return buffer
