# fault: blocks all signals and waits
# verdict: error timeout
# says: backward pass took longer
import signal
import time

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        time.sleep(10**6)
