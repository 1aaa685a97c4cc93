# fault: terminates its own process
# verdict: error crash
# says: backward pass ended its process by
import os
import signal

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        os.kill(os.getpid(), signal.SIGTERM)
