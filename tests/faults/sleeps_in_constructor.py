# fault: sleeps for ever in its constructor
# verdict: error timeout
# says: constructor took longer
import time

from right import Dense


class Layer(Dense):
    def __init__(self, inputs, outputs):
        time.sleep(10**6)
