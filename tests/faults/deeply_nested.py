# fault: returns a list that is nested 200,000 deep
# verdict: error dX
# says: a list
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        found = []
        for _ in range(200_000):
            found = [found]
        return found
