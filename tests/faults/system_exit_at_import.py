# fault: calls sys.exit when it is imported
# verdict: error crash
# says: cannot be imported
import sys

from right import Dense

sys.exit(0)


class Layer(Dense):
    pass
