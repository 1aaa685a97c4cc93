# fault: sleeps for ever when it is imported
# verdict: error timeout
# says: import took longer
import time

from right import Dense

time.sleep(10**6)


class Layer(Dense):
    pass
