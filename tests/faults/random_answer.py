# fault: adds noise
# verdict: refuted dX
import numpy as np

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        return super().backward(dZ) + np.random.normal(size=self.X.shape)
