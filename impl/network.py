"""Layers one after the other."""

from collections.abc import Sequence
from typing import Protocol

from backproof.impl._arguments import FloatArray


class Layer(Protocol):
    """What a network asks of a layer."""

    def forward(self, X: FloatArray) -> FloatArray:
        """Computes the layer's output, and keeps what the backward pass needs."""

    def backward(self, dA: FloatArray) -> FloatArray:
        """Computes the gradients for the last forward pass, and returns the one for the input."""

    def parameters(self) -> dict[str, FloatArray]:
        """Returns the parameters themselves, by name."""

    def gradients(self) -> dict[str, FloatArray]:
        """Returns the last gradients, under the names of their parameters."""


class Network:
    """The composition of layers, first to last.

    Attributes:
        layers: the layers, in the order of the forward pass.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        """Keeps the layers.

        Args:
            layers: each takes what the one before it returns.
        """
        self.layers = tuple(layers)

    def forward(self, X: FloatArray) -> FloatArray:
        """Computes the last layer's output; X itself if there are no layers.

        Args:
            X: the first layer's input.
        """
        for layer in self.layers:
            X = layer.forward(X)
        return X

    def backward(self, dA: FloatArray) -> FloatArray:
        """Computes all gradients for the last forward pass.

        Args:
            dA: the gradient for the output; its shape and dtype.

        Returns:
            The gradient for the network's input.
        """
        for layer in reversed(self.layers):
            dA = layer.backward(dA)
        return dA

    def parameters(self) -> dict[str, FloatArray]:
        """Returns the parameters themselves, as "0.W", "0.b", "1.W" and so on."""
        return {
            f"{index}.{name}": parameter
            for index, layer in enumerate(self.layers)
            for name, parameter in layer.parameters().items()
        }

    def gradients(self) -> dict[str, FloatArray]:
        """Returns the last gradients, under the names of their parameters."""
        return {
            f"{index}.{name}": gradient
            for index, layer in enumerate(self.layers)
            for name, gradient in layer.gradients().items()
        }
