# fault: sleeps for ever in its backward pass
# verdict: error timeout
# says: backward pass took longer
import time

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        time.sleep(10**6)
