# fault: hangs once there are more than three samples
# verdict: error timeout
# says: took longer
import time

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        if len(dZ) > 3:
            time.sleep(10**6)
        return super().backward(dZ)
