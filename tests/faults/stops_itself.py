# fault: stops its own process
# verdict: error timeout
# says: backward pass took longer
import os
import signal

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        os.kill(os.getpid(), signal.SIGSTOP)
