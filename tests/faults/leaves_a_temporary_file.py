# fault: leaves a temporary file
# verdict: holds
import tempfile

from right import Dense


class Layer(Dense):
    def backward(self, dZ):
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(b"left")
        return super().backward(dZ)
