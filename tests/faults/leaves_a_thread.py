# fault: leaves a thread that never ends
# verdict: holds
import threading
import time

from right import Dense

started = []


class Layer(Dense):
    def backward(self, dZ):
        if not started:
            started.append(1)
            threading.Thread(target=time.sleep, args=(10**6,)).start()
        return super().backward(dZ)
