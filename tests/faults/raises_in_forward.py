# fault: raises in its forward pass
# verdict: error crash
# says: ValueError
from right import Dense


class Layer(Dense):
    def forward(self, X):
        raise ValueError("not today")
