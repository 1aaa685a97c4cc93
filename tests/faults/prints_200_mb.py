# fault: prints 200 MB
# verdict: holds
from right import Dense

printed = []


class Layer(Dense):
    def backward(self, dZ):
        if not printed:
            printed.append(1)
            for _ in range(200):
                print("x" * 1_000_000)
        return super().backward(dZ)
