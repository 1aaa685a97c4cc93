"""Activations, their derivatives and their vector-Jacobian products.

Adding an activation means adding one entry to `ACTIVATIONS`. All functions keep float16, float32
and float64; none overflows for finite arguments except `exp`, whose values do; NaN gives NaN.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from backproof.impl._arguments import FloatArray, complaint
from backproof.impl._evaluation import along_axis, by_blocks, elementwise, narrowed, widened
from backproof.impl.error_function import (
    LARGEST_ARGUMENT,
    erf,
    erfc,
    gaussian,
    normal_distribution,
)

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "AlongAxis",
    "Elementwise",
    "elu",
    "erf",
    "erfc",
    "exp",
    "gelu",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsumexp",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]

LEAKY_SLOPE = 0.01

# 4 exp(-2z) is 0 in float64 from 374 on.
TANH_SLOPE_VANISHES = 400.0


def _decay(Z: FloatArray, rate: float) -> FloatArray:
    """Computes exp(-rate |Z|), which can't overflow."""
    value = np.abs(Z)
    value *= -rate
    return np.exp(value, out=value)


def _logistic(Z: FloatArray) -> FloatArray:
    decay = _decay(Z, 1)
    # exp(-|z|) is at most 1, so the maximum with (z >= 0) selects 1 or exp(z), and keeps NaN.
    value = np.maximum(decay, Z >= 0)
    decay += 1
    value /= decay
    return value


def _bounded(Z: FloatArray) -> FloatArray:
    """Cuts Z to where the normal distribution isn't constant yet in float64."""
    return np.clip(Z, -LARGEST_ARGUMENT, LARGEST_ARGUMENT)


@elementwise
def linear(Z: FloatArray) -> FloatArray:
    """Returns a copy of Z."""
    return Z


@elementwise
def sigmoid(Z: FloatArray) -> FloatArray:
    """Computes 1 / (1 + exp(-Z)), with a small relative error down to the subnormal numbers.

    Args:
        Z: real numbers, any shape.

    Returns:
        The values, in [0, 1], shape and dtype of Z.

    Raises:
        TypeError: if Z isn't real, or wider than float64.
    """
    return _logistic(Z)


@elementwise
def tanh(Z: FloatArray) -> FloatArray:
    """Computes the hyperbolic tangent of Z, shape and dtype of Z."""
    value: FloatArray = np.tanh(Z)
    return value


@elementwise
def relu(Z: FloatArray) -> FloatArray:
    """Computes max(Z, 0), shape and dtype of Z."""
    return np.maximum(Z, 0)


@elementwise
def leaky_relu(Z: FloatArray) -> FloatArray:
    """Computes Z where it is positive and Z/100 elsewhere, shape and dtype of Z."""
    value = np.multiply(Z, LEAKY_SLOPE)
    return np.maximum(Z, value, out=value)


@elementwise
def elu(Z: FloatArray) -> FloatArray:
    """Computes Z where it is positive and exp(Z) - 1 elsewhere, shape and dtype of Z.

    Source: Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network Learning by
    Exponential Linear Units (ELUs)", ICLR 2016, with alpha = 1.
    """
    value = np.minimum(Z, 0)
    np.expm1(value, out=value)
    # exp(z) - 1 is above z everywhere, so the maximum selects the right one, and keeps NaN.
    return np.maximum(Z, value)


@elementwise
def softplus(Z: FloatArray) -> FloatArray:
    """Computes log(1 + exp(Z)), shape and dtype of Z, with a small relative error everywhere."""
    value = _decay(Z, 1)
    np.log1p(value, out=value)
    value += np.maximum(Z, 0)
    return value


@elementwise
def silu(Z: FloatArray) -> FloatArray:
    """Computes Z sigmoid(Z), shape and dtype of Z; its limit, 0, at minus infinity.

    The relative error is small as long as sigmoid(Z) is a normal number.

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", Neural Networks 107 (2018).
    """
    value = _logistic(Z)
    value *= np.maximum(Z, np.finfo(Z.dtype).min)
    return value


@elementwise
def gelu(Z: FloatArray) -> FloatArray:
    """Computes Z P(N <= Z) for a standard normal N, exactly (no tanh), shape and dtype of Z.

    The relative error is small as long as the probability is a normal number: also in the lower
    tail, where Z (1 + erf(Z / sqrt 2)) / 2 has none of its digits right.

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", 2016, section 2.
    """
    value, _ = normal_distribution(_bounded(Z))
    value *= np.maximum(Z, -LARGEST_ARGUMENT)
    return value


@elementwise
def exp(Z: FloatArray) -> FloatArray:
    """Computes the exponential of Z, shape and dtype of Z; it overflows as NumPy's does."""
    return np.exp(Z)


@elementwise
def absolute(Z: FloatArray) -> FloatArray:
    """Computes |Z|, shape and dtype of Z."""
    return np.abs(Z)


@elementwise
def sign(Z: FloatArray) -> FloatArray:
    """Computes -1, 0 or 1, the sign of Z, shape and dtype of Z."""
    value: FloatArray = np.sign(Z)
    return value


def _shifted(Z: FloatArray, axis: int) -> tuple[FloatArray, FloatArray]:
    """Subtracts the maximum along `axis`, and returns it beside; an infinite one counts as 0."""
    top = Z.max(axis=axis, keepdims=True, initial=-np.inf)
    top[np.isinf(top)] = 0
    # A difference below the lowest number is -inf, whose exponential is the right one, 0.
    with np.errstate(over="ignore"):
        return Z - top, top


@along_axis
def logsumexp(Z: FloatArray, axis: int = -1, *, keepdims: bool = False) -> FloatArray:
    """Computes log(sum(exp(Z))) along an axis, without overflow.

    Args:
        Z: real numbers, any shape.
        axis: the axis to sum along.
        keepdims: whether to keep that axis, with size 1.

    Returns:
        The values, dtype of Z; minus infinity for a sum of no terms.

    Raises:
        TypeError: if Z isn't real, or wider than float64.
    """
    shifted, top = _shifted(Z, axis)
    total: FloatArray = np.exp(shifted, out=shifted).sum(axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):
        np.log(total, out=total)
    total += top
    return total if keepdims else total.squeeze(axis)


@along_axis
def softmax(Z: FloatArray, axis: int = -1) -> FloatArray:
    """Computes exp(Z) / sum(exp(Z)) along an axis, without overflow.

    Args:
        Z: real numbers, any shape.
        axis: the axis along which the results sum to 1.

    Returns:
        The values, shape and dtype of Z. An entry of minus infinity gives 0.

    Raises:
        TypeError: if Z isn't real, or wider than float64.
    """
    value, _ = _shifted(Z, axis)
    np.exp(value, out=value)
    value /= value.sum(axis=axis, keepdims=True)
    return value


@along_axis
def log_softmax(Z: FloatArray, axis: int = -1) -> FloatArray:
    """Computes Z - log(sum(exp(Z))) along an axis, without overflow.

    Args:
        Z: real numbers, any shape.
        axis: the axis along which the exponentials of the results sum to 1.

    Returns:
        The values, shape and dtype of Z.

    Raises:
        TypeError: if Z isn't real, or wider than float64.
    """
    value, _ = _shifted(Z, axis)
    total = np.exp(value).sum(axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):
        value -= np.log(total)
    return value


# Derivatives, from Z in float32 or float64. They keep NaN, which a comparison would lose.


def _linear_slope(Z: FloatArray) -> FloatArray:
    # One entry, which broadcasts.
    return np.ones(1, Z.dtype)


def _sigmoid_slope(Z: FloatArray) -> FloatArray:
    # a (1 - a) would lose the upper tail, where a rounds to 1.
    slope = _decay(Z, 1)
    denominator = slope + 1
    slope /= denominator
    slope /= denominator
    return slope


def _tanh_slope(Z: FloatArray) -> FloatArray:
    # tanh(z) = 2 sigmoid(2z) - 1; and 1 - a^2 would lose both tails. Beyond the bounds it is 0, and
    # doubling would overflow at last.
    return 4 * _sigmoid_slope(2 * np.clip(Z, -TANH_SLOPE_VANISHES, TANH_SLOPE_VANISHES))


def _relu_slope(Z: FloatArray) -> FloatArray:
    # Into an array of its own: NumPy's sign is many times slower in place.
    slope: FloatArray = np.sign(np.maximum(Z, 0))
    return slope


def _leaky_relu_slope(Z: FloatArray) -> FloatArray:
    slope = np.sign(Z)
    return np.maximum(slope, LEAKY_SLOPE, out=slope)


def _elu_slope(Z: FloatArray) -> FloatArray:
    slope = np.minimum(Z, 0)
    return np.exp(slope, out=slope)


def _silu_slope(Z: FloatArray) -> FloatArray:
    largest = np.finfo(Z.dtype).max
    gate = _logistic(Z)
    slope = 1 - gate
    slope *= np.clip(Z, -largest, largest)
    slope += 1
    slope *= gate
    return slope


def _gelu_slope(Z: FloatArray) -> FloatArray:
    bounded = _bounded(Z)
    slope, bell = normal_distribution(bounded)
    bell *= (1 / np.sqrt(2 * np.pi)).item()
    bell *= bounded
    slope += bell
    return slope


def _erf_slope(Z: FloatArray) -> FloatArray:
    slope = gaussian(_bounded(Z), 1.0)
    slope *= (2 / np.sqrt(np.pi)).item()
    return slope


def _sign_slope(Z: FloatArray) -> FloatArray:
    slope: FloatArray = np.sign(Z)
    slope *= 0
    return slope


def _softmax_pullback(dA: FloatArray, A: FloatArray, axis: int) -> FloatArray:
    product = dA * A
    mean = product.sum(axis=axis, keepdims=True)
    np.subtract(dA, mean, out=product)
    product *= A
    return product


@dataclass(frozen=True, slots=True)
class Activation(ABC):
    """A function from pre-activations Z to activations A, with its vector-Jacobian product.

    Attributes:
        name: its key in `ACTIVATIONS`.
    """

    name: str

    @abstractmethod
    def __call__(self, Z: FloatArray, axis: int = -1) -> FloatArray:
        """Computes A from Z, in the shape and dtype of Z, in an array of its own.

        Args:
            Z: pre-activations, float16, float32 or float64, any shape.
            axis: the axis of the layer's outputs; only softmax depends on it.
        """

    @abstractmethod
    def derivative(self, Z: FloatArray) -> FloatArray:
        """Computes g'(Z), in the shape and dtype of Z.

        Raises:
            TypeError: if the activation isn't elementwise, and so has no such derivative.
        """

    @abstractmethod
    def vjp(
        self, dA: FloatArray, Z: FloatArray, A: FloatArray | None = None, axis: int = -1
    ) -> FloatArray:
        """Computes dZ, the gradient for Z, from dA, the gradient for A.

        Args:
            dA: shape and dtype of Z.
            Z: the pre-activations.
            A: what the activation returned for Z; softmax computes it again if it isn't given.
            axis: the axis of the layer's outputs; only softmax depends on it.

        Returns:
            dZ, shape and dtype of Z, in an array of its own.
        """


@dataclass(frozen=True, slots=True)
class Elementwise(Activation):
    """An activation of each entry by itself.

    Attributes:
        function: Z to A.
        slope: Z to the derivative, in float32 or float64, of Z's shape or broadcasting to it;
            must not change Z.
    """

    function: Callable[[ArrayLike], FloatArray]
    slope: Callable[[FloatArray], FloatArray]

    def __call__(self, Z: FloatArray, axis: int = -1) -> FloatArray:
        """Computes A from Z; see the base class."""
        return self.function(Z)

    def derivative(self, Z: FloatArray) -> FloatArray:
        """Computes g'(Z), in the shape and dtype of Z.

        At a kink: 0 for relu and abs, 1/100 for leaky_relu.
        """
        return elementwise(self.slope)(Z)

    def vjp(
        self, dA: FloatArray, Z: FloatArray, A: FloatArray | None = None, axis: int = -1
    ) -> FloatArray:
        """Computes dZ = dA g'(Z); see the base class."""
        return by_blocks(lambda dA, Z: dA * self.slope(Z), dA, Z)


@dataclass(frozen=True, slots=True)
class AlongAxis(Activation):
    """An activation of the outputs of each sample together.

    Attributes:
        function: (Z, axis) to A.
        pullback: (dA, A, axis) to dZ, for float32 and float64; must not change dA and A.
    """

    function: Callable[[ArrayLike, int], FloatArray]
    pullback: Callable[[FloatArray, FloatArray, int], FloatArray]

    def __call__(self, Z: FloatArray, axis: int = -1) -> FloatArray:
        """Computes A from Z along `axis`; see the base class."""
        return self.function(Z, axis)

    def derivative(self, Z: FloatArray) -> FloatArray:
        """Raises TypeError: each output depends on every input along the axis."""
        expected, found = "an elementwise activation", f"{self.name}, whose derivative is a matrix"
        raise TypeError(complaint("activation", expected, found, "use vjp(dA, Z, A, axis)"))

    def vjp(
        self, dA: FloatArray, Z: FloatArray, A: FloatArray | None = None, axis: int = -1
    ) -> FloatArray:
        """Computes dZ, the Jacobian's transpose times dA along `axis`; see the base class."""
        if A is None:
            A = self.function(Z, axis)
        return narrowed(self.pullback(widened(dA), widened(A), axis), Z.dtype)


ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Elementwise("linear", linear, _linear_slope),
        Elementwise("sigmoid", sigmoid, _sigmoid_slope),
        Elementwise("tanh", tanh, _tanh_slope),
        Elementwise("relu", relu, _relu_slope),
        Elementwise("leaky_relu", leaky_relu, _leaky_relu_slope),
        Elementwise("elu", elu, _elu_slope),
        Elementwise("softplus", softplus, _logistic),
        Elementwise("silu", silu, _silu_slope),
        Elementwise("gelu", gelu, _gelu_slope),
        Elementwise("erf", erf, _erf_slope),
        Elementwise("exp", exp, np.exp),
        Elementwise("abs", absolute, np.sign),
        Elementwise("sign", sign, _sign_slope),
        AlongAxis("softmax", softmax, _softmax_pullback),
    )
}
