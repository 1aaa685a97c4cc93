# fault: leaves a child process in a session of its own
# verdict: holds
import subprocess

from right import Dense

started = []


class Layer(Dense):
    def backward(self, dZ):
        if not started:
            started.append(subprocess.Popen(["sleep", "31415"], start_new_session=True))
        return super().backward(dZ)
