# fault: kills its process group
# verdict: error crash
# says: backward pass ended its process by
import os
import signal

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        os.killpg(0, signal.SIGKILL)
