# fault: gives another answer at its second call
# verdict: refuted dX
from right import Dense

calls = []


class Layer(Dense):
    def backward(self, dZ):
        calls.append(1)
        return super().backward(dZ) * (1 + len(calls) % 2)
