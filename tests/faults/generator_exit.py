# fault: raises GeneratorExit
# verdict: error crash
# says: GeneratorExit
from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        raise GeneratorExit
