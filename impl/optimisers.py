"""Rules that turn gradients into new parameters."""

from dataclasses import dataclass
from typing import Protocol

from backproof.impl._arguments import FloatArray


class Trainable(Protocol):
    """What an optimiser asks of a network, or of a single layer."""

    def parameters(self) -> dict[str, FloatArray]:
        """Returns the parameters themselves, by name."""

    def gradients(self) -> dict[str, FloatArray]:
        """Returns their gradients, under the same names."""


@dataclass(frozen=True, slots=True)
class SGD:
    """Gradient descent with a constant learning rate, stochastic if the batches are.

    Attributes:
        learning_rate: the factor of the gradient.
    """

    learning_rate: float

    def step(self, network: Trainable) -> None:
        """Subtracts learning_rate times its gradient from each parameter, in place.

        Args:
            network: a network or layer after its backward pass.
        """
        gradients = network.gradients()
        for name, parameter in network.parameters().items():
            parameter -= self.learning_rate * gradients[name]
