# fault: waits for a lock that it holds
# verdict: error timeout
# says: backward pass took longer
import threading

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
