"""Arrays of intervals: lower and upper ends in float64, every operation rounded outwards.

Whatever an honest float64 evaluation of the same operations gives, in whatever order it sums,
lies inside as well as the exact value does. (Moore, Kearfott and Cloud, Introduction to Interval
Analysis, 2009, chapters 2 and 4; for sums, Jeannerod and Rump, Improved error bounds for inner
products, SIAM J. Matrix Anal. Appl. 34, 2013.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backproof.oracles.balls import SMOOTH, Ball, downwards, flint, precision, upwards

Array = NDArray[Any]
_HALF_ULP = 2.0**-53
_BITS = 96


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """Entry by entry, the reals from ``low`` to ``high``; for truth values, False counts as 0.

    A truth value with ``low`` False and ``high`` True may be either.
    """

    low: Array
    high: Array

    @property
    def is_point(self) -> bool:
        """Whether every interval is known to be one number."""
        return self.low is self.high

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.low.shape

    def reshaped(self, change: Callable[[Array], Array]) -> Box:
        """The box with its entries moved, by a function that computes nothing."""
        low = change(self.low)
        return Box(low, low if self.is_point else change(self.high))


def point(values: ArrayLike) -> Box:
    """The box of known numbers."""
    array = np.asarray(values)
    return Box(array, array)


def rounded_constant(values: ArrayLike) -> Box:
    """Numbers as a library writes them: short binary fractions exactly, others within four ulps.

    A constant such as 1/sqrt(2) stands in a program as a float64 that is only near it.
    """
    array = np.asarray(values)
    if array.dtype.kind != "f":
        return point(array)
    array = array.astype(np.float64)
    with np.errstate(all="ignore"):
        scaled = array * 2.0**20
        short = (np.abs(array) < 2.0**26) & (scaled == np.round(scaled))
        slack = np.where(short | ~np.isfinite(array), 0.0, 4 * np.abs(np.spacing(array)))
        if not slack.any():
            return point(array)
        return Box(array - slack, array + slack)


def _down(values: Array) -> Array:
    return np.where(np.isnan(values), -np.inf, np.nextafter(values, -np.inf))


def _up(values: Array) -> Array:
    return np.where(np.isnan(values), np.inf, np.nextafter(values, np.inf))


def _sum_error(left: Array, right: Array, rounded: Array) -> Array:
    # Knuth's two-sum: exact, whatever the order of magnitude, unless something overflows.
    part = rounded - left
    error: Array = (left - (rounded - part)) + (right - part)
    return error


def add(left: Box, right: Box) -> Box:
    """A sum of two; an exact one is not widened."""
    low = left.low + right.low
    error = _sum_error(left.low, right.low, low)
    below = np.where(error >= 0, low, _down(low))
    if left.is_point and right.is_point:
        above = np.where(error <= 0, low, _up(low))
        return point(low) if not np.any(error != 0) else Box(below, above)
    high = left.high + right.high
    error = _sum_error(left.high, right.high, high)
    return Box(below, np.where(error <= 0, high, _up(high)))


def negative(box: Box) -> Box:
    """Minus the box."""
    return point(-box.low) if box.is_point else Box(-box.high, -box.low)


def subtract(left: Box, right: Box) -> Box:
    """A difference."""
    return add(left, negative(right))


def multiply(left: Box, right: Box) -> Box:
    """A product; by an exact zero it is exactly zero."""
    if right.is_point and not left.is_point:
        left, right = right, left
    ends = [(left.low, right.low)]
    if not right.is_point:
        ends.append((left.low, right.high))
    if not left.is_point:
        ends += [(left.high, right.low), (left.high, right.high)]
    products = []
    for a, b in ends:
        values = a * b
        products.append((values, (a == 0) | (b == 0)))
    lows = [np.where(exact, 0.0, _down(values)) for values, exact in products]
    highs = [np.where(exact, 0.0, _up(values)) for values, exact in products]
    return Box(_least(lows), _greatest(highs))


def divide(left: Box, right: Box) -> Box:
    """A quotient; everything where the divisor may be zero."""
    quotients = [a / b for a in (left.low, left.high) for b in (right.low, right.high)]
    low = _least([_down(q) for q in quotients])
    high = _greatest([_up(q) for q in quotients])
    zero = (left.low == 0) & (left.high == 0)
    crossing = (right.low <= 0) & (right.high >= 0)
    low = np.where(crossing, -np.inf, np.where(zero, 0.0, low))
    high = np.where(crossing, np.inf, np.where(zero, 0.0, high))
    return Box(low, high)


def _least(arrays: Sequence[Array]) -> Array:
    result = arrays[0]
    for array in arrays[1:]:
        result = np.minimum(result, array)
    return result


def _greatest(arrays: Sequence[Array]) -> Array:
    result = arrays[0]
    for array in arrays[1:]:
        result = np.maximum(result, array)
    return result


def total(box: Box, axes: tuple[int, ...]) -> Box:
    """The sum along some axes, in any order: within (n-1) u times the sum of the moduli."""
    count = math.prod(box.shape[axis] for axis in axes)
    if count == 1:
        return box.reshaped(
            lambda a: a.reshape([s for k, s in enumerate(a.shape) if k not in axes])
        )

    def bounds(ends: Array) -> tuple[Array, Array]:
        values = np.sum(ends, axis=axes)
        # Computed moduli are off by less than a factor 1 + 2 n u, and so is this product.
        moduli = np.sum(np.abs(ends), axis=axes) * (1 + 4 * count * _HALF_ULP)
        return values, _up(moduli * (count * _HALF_ULP)) * (moduli != 0)

    low, slack = bounds(box.low)
    below = np.where(slack == 0, low, _down(low - slack))
    if box.is_point:
        return Box(below, np.where(slack == 0, low, _up(low + slack)))
    high, slack = bounds(box.high)
    return Box(below, np.where(slack == 0, high, _up(high + slack)))


def total_at(box: Box, places: Array, count: int) -> Box:
    """The entries that go to each of ``count`` places, added up in any order; of none, zero."""
    flat = places.ravel()
    terms = np.bincount(flat, minlength=count)

    def end(values: Array, towards: float) -> Array:
        added = np.bincount(flat, values.ravel(), count)
        # As in ``total``, for each place its own number of summands.
        moduli = np.bincount(flat, np.abs(values).ravel(), count) * (1 + 4 * terms * _HALF_ULP)
        slack = np.nextafter(moduli * (terms * _HALF_ULP), np.inf)
        rounded = np.nextafter(added + np.copysign(slack, towards), towards)
        # What is a summand alone, or is added to zeros, is exact.
        known = np.where(np.isnan(rounded), towards, rounded)
        return np.where((terms <= 1) | (moduli == 0), added, known)

    low = end(box.low, -np.inf)
    return Box(low, low if box.is_point and (terms <= 1).all() else end(box.high, np.inf))


def modulus(box: Box) -> Box:
    """The absolute value."""
    if box.is_point:
        return point(np.abs(box.low))
    crossing = (box.low <= 0) & (box.high >= 0)
    low, high = np.abs(box.low), np.abs(box.high)
    return Box(np.where(crossing, 0.0, np.minimum(low, high)), np.maximum(low, high))


def integer_power(box: Box, exponent: int) -> Box:
    """A power with an integer exponent."""
    if exponent < 0:
        return divide(point(np.float64(1)), integer_power(box, -exponent))
    if exponent == 0:
        return point(np.ones_like(box.low))
    if exponent == 1:
        return box
    if exponent % 2:
        # Odd powers rise, so that each end of the result comes from one end of the box.
        low, high = (_monomial(end, exponent) for end in (box.low, box.high))
        return Box(low.low, high.high)
    return _monomial_of(modulus(box), exponent)


def _monomial(ends: Array, exponent: int) -> Box:
    return _monomial_of(point(ends), exponent)


def _monomial_of(box: Box, exponent: int) -> Box:
    result = box
    for _ in range(exponent - 1):
        result = multiply(result, box)
    return result


def hull(left: Box, right: Box) -> Box:
    """The smallest box around both."""
    return Box(np.minimum(left.low, right.low), np.maximum(left.high, right.high))


# ---------------------------------------------------------------- functions


@dataclass(frozen=True, slots=True)
class Monotone:
    """A monotone function of one argument: how to enclose it, and the range of its values."""

    enclosed: Callable[[Ball], Ball]
    least: float = -math.inf
    greatest: float = math.inf
    rising: bool = True


MONOTONE: dict[str, Monotone] = {
    "exp": Monotone(SMOOTH["exp"], least=0.0),
    "expm1": Monotone(lambda x: x.expm1(), least=-1.0),
    "log": Monotone(SMOOTH["log"]),
    "log1p": Monotone(lambda x: x.log1p()),
    "tanh": Monotone(SMOOTH["tanh"], -1.0, 1.0),
    "logistic": Monotone(SMOOTH["sigmoid"], 0.0, 1.0),
    "erf": Monotone(SMOOTH["erf"], -1.0, 1.0),
    "erfc": Monotone(lambda x: x.erfc(), 0.0, 2.0, rising=False),
    "sqrt": Monotone(lambda x: x.sqrt(), least=0.0),
    "rsqrt": Monotone(lambda x: x.rsqrt(), least=0.0, rising=False),
}


def monotone(box: Box, function: Monotone) -> Box:
    """A monotone function, by enclosures of its values at the ends of each interval."""
    first, last = (box.low, box.high) if function.rising else (box.high, box.low)
    with precision(_BITS):
        low = _values(first, function.enclosed, downwards, function.least)
        high = _values(last, function.enclosed, upwards, function.greatest)
    return Box(np.maximum(low, function.least), np.minimum(high, function.greatest))


def _values(
    ends: Array, enclosed: Callable[[Ball], Ball], towards: Callable[[Ball], float], unknown: float
) -> Array:
    arb = flint().arb
    flat = [
        towards(enclosed(arb(end))) if math.isfinite(end) else unknown
        for end in ends.ravel().tolist()
    ]
    return np.array(flat, dtype=np.float64).reshape(ends.shape)


def real_power(base: Box, exponent: Box) -> Box:
    """A power of a positive base with any exponent; everything where the base may not be positive.

    On a product of intervals its extremes lie at corners: it is monotone in either argument.
    """
    shape = np.broadcast_shapes(base.shape, exponent.shape)
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    arb = flint().arb
    with precision(_BITS):
        for b in (base.low, base.high):
            for e in (exponent.low, exponent.high):
                pairs = np.broadcast(b, e)
                balls = [
                    arb(x) ** arb(y) if x > 0 and math.isfinite(x + y) else arb.nan()
                    for x, y in ((float(x), float(y)) for x, y in pairs)
                ]
                low = np.minimum(low, np.reshape([downwards(ball) for ball in balls], shape))
                high = np.maximum(high, np.reshape([upwards(ball) for ball in balls], shape))
    return Box(low, high)


# ---------------------------------------------------------------- truth values


def above(left: Box, right: Box) -> Box:
    """Whether left > right; either, where the intervals touch.

    A tie is where a derivative may jump, and every value between the two sides is right there.
    """
    return Box(left.low > right.high, left.high >= right.low)


def equal(left: Box, right: Box) -> Box:
    """Whether left = right; of numbers with fractions never surely."""
    if left.low.dtype.kind != "f" and left.is_point and right.is_point:
        return point(left.low == right.low)
    possible = (left.low <= right.high) & (right.low <= left.high)
    return Box(np.zeros_like(possible), possible)


def opposite(box: Box) -> Box:
    """The negation of a truth value."""
    return point(~box.low) if box.is_point else Box(~box.high, ~box.low)


def choose(which: Box, when_false: Box, when_true: Box) -> Box:
    """One of two boxes, entry by entry; their hull where it may be either."""
    low = np.where(
        which.low,
        when_true.low,
        np.where(which.high, np.minimum(when_true.low, when_false.low), when_false.low),
    )
    high = np.where(
        which.low,
        when_true.high,
        np.where(which.high, np.maximum(when_true.high, when_false.high), when_false.high),
    )
    return Box(low, high)


def sign(box: Box) -> Box:
    """The sign; anything from -1 to 1 where the interval holds zero."""
    return Box(np.where(box.low > 0, 1.0, -1.0), np.where(box.high < 0, -1.0, 1.0))


def middle_and_radius(box: Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A float64 inside each interval, and a radius from there that covers it; else (0, inf)."""
    low = np.asarray(box.low, dtype=np.float64)
    if box.is_point:
        finite = np.isfinite(low)
        return np.where(finite, low, 0.0), np.where(finite, 0.0, np.inf)
    high = np.asarray(box.high, dtype=np.float64)
    with np.errstate(all="ignore"):
        middle = np.where(low == high, low, low / 2 + high / 2)
        gap = np.maximum(high - middle, middle - low)
        radius = np.where(low == high, 0.0, np.nextafter(gap, np.inf))
        known = np.isfinite(middle) & np.isfinite(radius)
    return np.where(known, middle, 0.0), np.where(known, radius, np.inf)
