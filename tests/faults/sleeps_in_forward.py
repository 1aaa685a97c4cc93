# fault: sleeps for ever in its forward pass
# verdict: error timeout
# says: forward pass took longer
import time

from right import Dense


class Layer(Dense):
    def forward(self, X):
        time.sleep(10**6)
