# fault: calls sys.exit
# verdict: error crash
# says: SystemExit
import sys

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        sys.exit(0)
