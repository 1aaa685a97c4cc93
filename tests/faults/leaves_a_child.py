# fault: leaves a child process
# verdict: holds
import subprocess

from right import Dense

started = []


class Layer(Dense):
    def backward(self, dZ):
        if not started:
            started.append(subprocess.Popen(["sleep", "31415"]))
        return super().backward(dZ)
