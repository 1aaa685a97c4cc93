# fault: writes garbage into every open descriptor
# verdict: error crash
# says: layer wrote into the pipe
import os

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        for descriptor in range(3, 100):
            try:
                os.write(descriptor, b"garbage garbage garbage")
            except OSError:
                pass
        return super().backward(dZ)
