"""Values of the elementary functions in float64, each with a bound on its own error.

The constants count u = 2^-53 and rest on NumPy's exp, log, log1p within one unit in the last place
(2 u), its tanh within 1.5 (3 u) and the C library's erf and erfc within 1.5: measured, and held
against ball arithmetic by the tests. All else is derived from these.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from backproof.oracles.formats import FLOAT64
from backproof.oracles.outcome import FloatArray

U = FLOAT64.u
# What a few underflows cost, in all.
ETA = 4.0 * FLOAT64.eta
# Known values by function and argument, so that a function and its derivative share their work.
Memo = dict[tuple[str, int], tuple[FloatArray, ...]]
Evaluated = tuple[FloatArray, FloatArray | None]


def sigmoid_pair(z: FloatArray, memo: Memo) -> tuple[FloatArray, FloatArray]:
    """sigmoid(z) and sigmoid(-z), each within 4 u of itself and ETA."""
    found = memo.get(("sigmoid", id(z)))
    if found is None:
        # In place, since fresh memory costs more than arithmetic.
        small = np.abs(z)
        np.negative(small, out=small)
        np.exp(small, out=small)
        larger = 1.0 + small
        np.divide(1.0, larger, out=larger)
        smaller = np.multiply(small, larger, out=small)
        positive = z >= 0.0
        # The argument is kept too, so that its id is not given to another.
        found = (
            np.where(positive, larger, smaller),
            np.where(positive, smaller, larger),
            z,
        )
        memo["sigmoid", id(z)] = found
    return found[0], found[1]


def _times(value: FloatArray, units: float) -> FloatArray:
    error: FloatArray = np.abs(value)
    error *= units * U
    error += ETA
    return error


def _exp(z: FloatArray, memo: Memo) -> Evaluated:
    value = np.exp(z)
    return value, _times(value, 2.0)


def _log(z: FloatArray, memo: Memo) -> Evaluated:
    value = np.log(z)
    return value, _times(value, 2.0)


def _tanh(z: FloatArray, memo: Memo) -> Evaluated:
    value = np.tanh(z)
    memo["tanh", id(z)] = (value, z)
    return value, _times(value, 3.0)


def _tanh_slope(z: FloatArray, memo: Memo) -> Evaluated:
    found = memo.get(("tanh", id(z)))
    square = np.square(np.tanh(z) if found is None else found[0])
    slope = 1.0 - square
    # 3 u in t is 6 u t^2, to second order; the square and the difference round once each.
    square *= 7.0 * U
    square += 2.0 * U
    return slope, square


def _sigmoid(z: FloatArray, memo: Memo) -> Evaluated:
    value = sigmoid_pair(z, memo)[0]
    return value, _times(value, 4.0)


def _sigmoid_slope(z: FloatArray, memo: Memo) -> Evaluated:
    left, right = sigmoid_pair(z, memo)
    value = left * right
    return value, _times(value, 9.5)


def _softplus(z: FloatArray, memo: Memo) -> Evaluated:
    value = np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))
    # log1p's slope takes 2 u of exp to at most 2 u of the value.
    return value, _times(value, 5.5)


def _by_library(function: Callable[[float], float], z: FloatArray) -> FloatArray:
    return np.fromiter(map(function, z.ravel().tolist()), np.float64, z.size).reshape(z.shape)


def _erf(z: FloatArray, memo: Memo) -> Evaluated:
    value = _by_library(math.erf, z)
    return value, _times(value, 3.0)


def _erf_slope(z: FloatArray, memo: Memo) -> Evaluated:
    square = z * z
    value = np.exp(-square) * (2.0 / math.sqrt(math.pi))
    # The square's rounding moves exp by u z^2; the constant has three roundings.
    return value, value * ((square + 7.0) * U) + ETA


def _relu(z: FloatArray, memo: Memo) -> Evaluated:
    return np.maximum(z, 0.0), None


def _step(z: FloatArray, memo: Memo) -> Evaluated:
    return np.where(np.isnan(z), np.nan, (z > 0.0).astype(np.float64)), None


def _abs(z: FloatArray, memo: Memo) -> Evaluated:
    return np.abs(z), None


def _sign(z: FloatArray, memo: Memo) -> Evaluated:
    return np.sign(z), None


def _zero(z: FloatArray, memo: Memo) -> Evaluated:
    return z * 0.0, None


def _linear(z: FloatArray, memo: Memo) -> Evaluated:
    return z, None


def _one(z: FloatArray, memo: Memo) -> Evaluated:
    return z * 0.0 + 1.0, None


def _silu(z: FloatArray, memo: Memo) -> Evaluated:
    value = z * sigmoid_pair(z, memo)[0]
    return value, _times(value, 5.5) + np.abs(z) * ETA


def _silu_slope(z: FloatArray, memo: Memo) -> Evaluated:
    left, right = sigmoid_pair(z, memo)
    inner = z * right
    value = left * (1.0 + inner)
    # z sigmoid(-z) is within 5 u of itself; the sum and the product round once, left is within 4 u.
    error = left * (np.abs(inner) * (5.5 * U) + U) + np.abs(value) * (6.5 * U)
    return value, error + (np.abs(z) + 1.0) * ETA


_SQRT_HALF = math.sqrt(0.5)


def _upper_tail(z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The normal distribution's Phi(z), and its relative error in units of u."""
    value = 0.5 * _by_library(math.erfc, z * -_SQRT_HALF)
    # The argument's two roundings: |x phi(x) / Phi(x)| is at most x^2 + 1 for x < 0, and 0.3 above.
    below = np.minimum(z, 0.0)
    return value, 6.0 + 2.5 * below * below


def _gelu(z: FloatArray, memo: Memo) -> Evaluated:
    phi, units = _upper_tail(z)
    value = z * phi
    return value, np.abs(value) * ((units + 1.0) * U) + (np.abs(z) + 1.0) * ETA


def _gelu_slope(z: FloatArray, memo: Memo) -> Evaluated:
    phi, units = _upper_tail(z)
    half_square = 0.5 * z * z
    density = np.exp(-half_square) * (1.0 / math.sqrt(2.0 * math.pi))
    product = z * density
    value = phi + product
    error = phi * (units * U) + np.abs(product) * ((half_square + 8.0) * U) + np.abs(value) * U
    return value, error + (np.abs(z) + 1.0) * ETA


def _elu(z: FloatArray, memo: Memo) -> Evaluated:
    value = np.where(z > 0.0, z, np.expm1(np.minimum(z, 0.0)))
    return value, np.where(z > 0.0, 0.0, _times(value, 2.0))


def _elu_slope(z: FloatArray, memo: Memo) -> Evaluated:
    value = np.exp(np.minimum(z, 0.0))
    return value, np.where(z > 0.0, 0.0, _times(value, 2.0))


def _leaky_relu(z: FloatArray, memo: Memo) -> Evaluated:
    value = np.where(z > 0.0, z, 0.01 * z)
    return value, np.where(z > 0.0, 0.0, _times(value, 2.0))


def _leaky_relu_slope(z: FloatArray, memo: Memo) -> Evaluated:
    value = np.where(z > 0.0, 1.0, np.where(np.isnan(z), np.nan, 0.01))
    return value, _times(value, 1.0)


# By function and order of the derivative. At a kink one of the one-sided values stands.
VALUES: dict[tuple[str, int], Callable[[FloatArray, Memo], Evaluated]] = {
    ("exp", 0): _exp,
    ("exp", 1): _exp,
    ("log", 0): _log,
    ("tanh", 0): _tanh,
    ("tanh", 1): _tanh_slope,
    ("sigmoid", 0): _sigmoid,
    ("sigmoid", 1): _sigmoid_slope,
    ("softplus", 0): _softplus,
    ("softplus", 1): _sigmoid,
    ("softplus", 2): _sigmoid_slope,
    ("erf", 0): _erf,
    ("erf", 1): _erf_slope,
    ("relu", 0): _relu,
    ("relu", 1): _step,
    ("step", 0): _step,
    ("step", 1): _zero,
    ("abs", 0): _abs,
    ("abs", 1): _sign,
    ("sign", 0): _sign,
    ("sign", 1): _zero,
    ("linear", 0): _linear,
    ("linear", 1): _one,
    ("silu", 0): _silu,
    ("silu", 1): _silu_slope,
    ("gelu", 0): _gelu,
    ("gelu", 1): _gelu_slope,
    ("elu", 0): _elu,
    ("elu", 1): _elu_slope,
    ("leaky_relu", 0): _leaky_relu,
    ("leaky_relu", 1): _leaky_relu_slope,
}
