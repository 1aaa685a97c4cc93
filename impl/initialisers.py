"""Initial values for parameters, drawn from a `numpy.random.Generator`.

An initialiser is a distribution of unit scale and a rule for the scale; adding one means adding
one entry to `INITIALISERS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from backproof.impl._arguments import FLOAT_DTYPES, FloatArray, complaint


def _normal(rng: np.random.Generator, shape: Sequence[int]) -> FloatArray:
    return rng.standard_normal(shape)


def _uniform(rng: np.random.Generator, shape: Sequence[int]) -> FloatArray:
    """Draws uniform values of mean 0 and variance 1."""
    limit = np.sqrt(3)
    return rng.uniform(-limit, limit, shape)


def _ones(_rng: np.random.Generator, shape: Sequence[int]) -> FloatArray:
    return np.ones(shape)


def _glorot_deviation(fan_in: int, fan_out: int) -> float:
    """Returns the deviation that keeps variances a compromise between forward and backward.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010: equation 12, and equation 16 for the uniform distribution.
    """
    return float(np.sqrt(2 / max(fan_in + fan_out, 1)))


def _he_deviation(fan_in: int, _fan_out: int) -> float:
    """Returns the deviation that keeps the variance of the forward pass through relu.

    Source: He, Zhang, Ren and Sun, "Delving Deep into Rectifiers: Surpassing Human-Level
    Performance on ImageNet Classification", ICCV 2015, equation 10.
    """
    return float(np.sqrt(2 / max(fan_in, 1)))


@dataclass(frozen=True, slots=True)
class Initialiser:
    """Draws the initial value of a weight matrix.

    Attributes:
        name: its key in `INITIALISERS`.
        draw: (rng, shape) to float64 values of unit scale.
        scale: (fan_in, fan_out) to the factor for them.
    """

    name: str
    draw: Callable[[np.random.Generator, Sequence[int]], FloatArray]
    scale: Callable[[int, int], float]

    def __call__(
        self,
        shape: Sequence[int],
        *,
        fan_in: int,
        fan_out: int,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float64,
    ) -> FloatArray:
        """Draws an array.

        Args:
            shape: its shape, whichever way round the layout has the weights.
            fan_in: the number of the layer's inputs.
            fan_out: the number of its outputs.
            rng: where the random numbers come from; equal states give equal arrays.
            dtype: float16, float32 or float64; values are drawn in float64 and rounded once.

        Returns:
            An array of `shape` and `dtype`.

        Raises:
            TypeError: for any other dtype.
        """
        found: np.dtype[Any] = np.dtype(dtype)
        if found not in FLOAT_DTYPES:
            expected = "float16, float32 or float64"
            raise TypeError(complaint("dtype", expected, found, "pass dtype=np.float64"))
        values = self.draw(rng, shape)
        values *= self.scale(fan_in, fan_out)
        return values.astype(found, copy=False)


def constant(value: float) -> Initialiser:
    """Makes the initialiser that sets each entry to `value`."""
    return Initialiser("constant", _ones, lambda _fan_in, _fan_out: value)


def scaled_normal(deviation: float = 0.1) -> Initialiser:
    """Makes the initialiser of normal values with a `deviation` that ignores the layer's size."""
    return Initialiser("scaled_normal", _normal, lambda _fan_in, _fan_out: deviation)


glorot_uniform = Initialiser("glorot_uniform", _uniform, _glorot_deviation)
glorot_normal = Initialiser("glorot_normal", _normal, _glorot_deviation)
he_uniform = Initialiser("he_uniform", _uniform, _he_deviation)
he_normal = Initialiser("he_normal", _normal, _he_deviation)
zeros = Initialiser("zeros", _ones, lambda _fan_in, _fan_out: 0.0)

INITIALISERS: dict[str, Initialiser] = {
    initialiser.name: initialiser
    for initialiser in (
        glorot_uniform,
        glorot_normal,
        he_uniform,
        he_normal,
        scaled_normal(0.1),
        constant(1.0),
        zeros,
    )
}
