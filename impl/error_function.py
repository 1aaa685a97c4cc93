"""The error function and its complement, to a few units in the last place, also in the tail.

Sources: M. M. Shepherd and J. G. Laframboise, "Chebyshev Approximation of (1 + 2x) exp(x^2) erfc x
in 0 <= x < infinity", Mathematics of Computation 36 (1981), for the form of the approximation and
its constant 3.75; T. J. Dekker, "A Floating-Point Technique for Extending the Available Precision",
Numerische Mathematik 18 (1971), for the square with its rounding error.
"""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from backproof.impl._arguments import FloatArray
from backproof.impl._evaluation import elementwise

# q in (1 + 2x) exp(x^2) erfc(x) = 1 + (1 + t) q(t) for x >= 0, a series in the variable
# t = (x - 3.75) / (x + 3.75). This form makes erfc(0) exactly 1, and shrinks q's errors elsewhere.
# Rounded to float64 and cut where the rest is below 2^-56; tests compute it from the definition.
SCALED_ERFC_SERIES = (
    0.5120425066443408,
    -0.6689271441538781,
    0.3045891658577817,
    -0.10874945429472106,
    0.03132962272804421,
    -0.007227128031978862,
    0.0012746286773240452,
    -0.00014845640350444572,
    3.8358027364634595e-06,
    2.4453319814946833e-06,
    -4.4841072730680626e-07,
    -4.3391364137281085e-10,
    1.1550533604863971e-08,
    -1.1371546370133128e-09,
    -2.3230470840077275e-10,
    5.088401204858811e-11,
    4.174917485862838e-12,
    -1.8579468017003905e-12,
    -6.99065115465104e-14,
    6.682047510672361e-14,
    1.3165242960379658e-15,
    -2.497284733063435e-15,
    -5.108059074972232e-17,
    9.785580842515004e-17,
)
SCALED_ERFC_CENTRE = 3.75

# erf(x) / x for |x| <= 1/2, a series in t = 8 x^2 - 1; rounded and cut likewise.
ERF_RATIO_SERIES = (
    1.083882205490613,
    -0.04367779108737525,
    0.0008071118294133213,
    -1.191317951927046e-05,
    1.440278733630302e-07,
    -1.467715582316901e-09,
    1.2902439604484931e-11,
    -9.963857180158892e-14,
    6.857505850501839e-16,
)
ERF_RATIO_LIMIT = 0.5

# exp(-x^2 / 2) is 0 in float64 from 38.7 on, and nothing below may overflow or meet inf - inf.
LARGEST_ARGUMENT = 40.0


class _Polynomials(NamedTuple):
    """What one precision needs: fewer terms for float32, and where to split a number in two."""

    scaled_erfc: list[float]
    erf_ratio: list[float]
    splitter: float


def _polynomials(precision: int) -> _Polynomials:
    """Cuts both series for a format with `precision` bits, in powers of t for Horner's rule."""
    scaled_erfc, erf_ratio = (
        chebyshev.cheb2poly(chebyshev.chebtrim(series, 2.0**-precision / 8)).tolist()
        for series in (SCALED_ERFC_SERIES, ERF_RATIO_SERIES)
    )
    return _Polynomials(scaled_erfc, erf_ratio, 2.0 ** ((precision + 1) // 2) + 1.0)


_POLYNOMIALS = {np.dtype(np.float64): _polynomials(53), np.dtype(np.float32): _polynomials(24)}


def _horner(coefficients: list[float], t: FloatArray) -> FloatArray:
    """Evaluates the polynomial with `coefficients`, the constant one first, at `t`."""
    value = np.full_like(t, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value *= t
        value += coefficient
    return value


def gaussian(X: FloatArray, exponent: float) -> FloatArray:
    """Computes exp(-exponent X^2) without losing accuracy where X^2 is large.

    Rounding X^2 alone would change the result by the relative amount u X^2, 750 u in the tail.
    So the rounding error of the square is computed as well and put in to first order, which is
    enough: its own square is below u.

    Args:
        X: float32 or float64, |X| <= 40.
        exponent: 1 or 1/2 (multiplying by it must not round).

    Returns:
        An array like X.
    """
    halves = X * _POLYNOMIALS[X.dtype].splitter
    high = halves - (halves - X)
    low = X - high
    square = X * X
    correction = high * high
    correction -= square
    high *= low
    high *= 2
    correction += high
    low *= low
    correction += low
    correction *= -exponent
    correction += 1
    square *= -exponent
    np.exp(square, out=square)
    square *= correction
    return square


def scaled_erfc(X: FloatArray) -> FloatArray:
    """Computes exp(X^2) erfc(X).

    Args:
        X: float32 or float64, 0 <= X <= 40.

    Returns:
        An array like X.
    """
    t = (X - SCALED_ERFC_CENTRE) / (X + SCALED_ERFC_CENTRE)
    value = _horner(_POLYNOMIALS[X.dtype].scaled_erfc, t)
    t += 1
    value *= t
    value += 1
    value /= 2 * X + 1
    return value


def _upper_tail(X: FloatArray) -> FloatArray:
    """Computes erfc(|X|)."""
    magnitude = np.minimum(np.abs(X), LARGEST_ARGUMENT)
    value = scaled_erfc(magnitude)
    value *= gaussian(magnitude, 1.0)
    return value


@elementwise
def erf(Z: FloatArray) -> FloatArray:
    """Computes the error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to Z.

    The relative error is below 8u everywhere, u the unit roundoff of Z's dtype.

    Args:
        Z: real numbers, any shape.

    Returns:
        The values, shape and dtype of Z; NaN where Z is NaN.

    Raises:
        TypeError: if Z isn't real, or wider than float64.
    """
    near = np.clip(Z, -ERF_RATIO_LIMIT, ERF_RATIO_LIMIT)
    t = near * near
    t *= 2 / ERF_RATIO_LIMIT**2
    t -= 1
    near *= _horner(_POLYNOMIALS[Z.dtype].erf_ratio, t)
    return np.where(np.abs(Z) <= ERF_RATIO_LIMIT, near, np.copysign(1 - _upper_tail(Z), Z))


@elementwise
def erfc(Z: FloatArray) -> FloatArray:
    """Computes 1 - erf(Z), with a small relative error also where erf(Z) is close to 1.

    Args:
        Z: real numbers, any shape.

    Returns:
        The values, shape and dtype of Z; NaN where Z is NaN.

    Raises:
        TypeError: if Z isn't real, or wider than float64.
    """
    value = _upper_tail(Z)
    np.subtract(2, value, out=value, where=Z < 0)
    return value


def normal_distribution(Z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Computes the standard normal distribution function, and exp(-Z^2/2) beside it.

    Args:
        Z: float32 or float64, |Z| <= 40.

    Returns:
        The distribution function, erfc(-Z / sqrt 2) / 2, and exp(-Z^2/2), arrays like Z.
    """
    magnitude = np.abs(Z)
    bell = gaussian(magnitude, 0.5)
    magnitude *= np.sqrt(0.5).item()
    tail = scaled_erfc(magnitude)
    tail *= bell
    tail *= 0.5
    tail -= Z > 0
    return np.abs(tail, out=tail), bell
