"""Interval evaluation of the formulas by which functions are defined, in float64, rounded outward.

For functions and orders of derivatives that have no rule of their own: their values with an error,
the variation over an interval, and the hull of the one-sided values at a kink.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from backproof.oracles.elementary import VALUES
from backproof.oracles.outcome import FloatArray
from backproof.spec.functions import X, formula
from backproof.spec.terms import Add, Apply, Constant, Mul, Number, Power, Term

Interval = tuple[FloatArray, FloatArray]

_CONSTANTS = {"pi": math.pi}


def down(array: FloatArray) -> FloatArray:
    """The next number towards minus infinity; NaN becomes it."""
    return np.where(np.isnan(array), -np.inf, np.nextafter(array, -np.inf))


def up(array: FloatArray) -> FloatArray:
    """The next number towards infinity; NaN becomes it."""
    return np.where(np.isnan(array), np.inf, np.nextafter(array, np.inf))


def enclose(name: str, order: int, low: FloatArray, high: FloatArray) -> Interval:
    """An interval that holds the function's, or its derivative's, values over [low, high].

    An interval on one side of a kink, which it may touch, gets the values of that side: step over
    [0, 1] is [1, 1].

    Raises:
        ValueError: nothing is known of the function.
    """
    with np.errstate(all="ignore"):
        return _apply(name, order, low, high)


def enclose_term(term: Term, low: FloatArray, high: FloatArray) -> Interval:
    """An interval that holds the values of a formula in ``x`` for x in [low, high].

    Raises:
        ValueError: the formula uses a function of which nothing is known.
    """
    if term is X:
        return low, high
    if isinstance(term, Number):
        return _number(term.value, low)
    if isinstance(term, Constant):
        value = np.full_like(low, _CONSTANTS[term.name])
        return down(value), up(value)
    if isinstance(term, Add):
        result = enclose_term(term.terms[0], low, high)
        for part in term.terms[1:]:
            other = enclose_term(part, low, high)
            result = down(result[0] + other[0]), up(result[1] + other[1])
        return result
    if isinstance(term, Mul):
        result = enclose_term(term.factors[0], low, high)
        for part in term.factors[1:]:
            result = _product(result, enclose_term(part, low, high))
        return result
    if isinstance(term, Power):
        return power(*enclose_term(term.base, low, high), term.exponent)
    if isinstance(term, Apply):
        return _apply(term.function, term.order, *enclose_term(term.argument, low, high))
    raise TypeError(f"{type(term).__name__} has no place in a function's formula")


def _number(value: Fraction, like: FloatArray) -> Interval:
    nearest = np.full_like(like, float(value))
    if Fraction(float(value)) == value:
        return nearest, nearest
    return down(nearest), up(nearest)


def _product(a: Interval, b: Interval) -> Interval:
    corners = [_zero_times(x, y) for x in a for y in b]
    return down(np.minimum.reduce(corners)), up(np.maximum.reduce(corners))


def _zero_times(x: FloatArray, y: FloatArray) -> FloatArray:
    # A bound of 0 is exact, and 0 times an unbounded end adds nothing to the product's range.
    return np.where((x == 0.0) | (y == 0.0), 0.0, x * y)


def power(low: FloatArray, high: FloatArray, exponent: Fraction) -> Interval:
    """An interval that holds x^exponent for x in [low, high]; all numbers where it may be unreal.

    Negative exponents go through the reciprocal, which is unbounded where the base may be 0.
    """
    if exponent < 0:
        low, high = power(low, high, -exponent)
        touches = (low <= 0.0) & (high >= 0.0)
        return (
            np.where(touches, -np.inf, down(1.0 / high)),
            np.where(touches, np.inf, up(1.0 / low)),
        )
    if exponent.denominator == 1:
        result: Interval = np.ones_like(low), np.ones_like(high)
        if exponent.numerator % 2 == 0:
            least = np.where((low <= 0.0) & (high >= 0.0), 0.0, np.minimum(abs(low), abs(high)))
            low, high = least, np.maximum(abs(low), abs(high))
        for _ in range(exponent.numerator):
            result = _product(result, (low, high))
        return result
    unreal = ~(low >= 0.0)
    ends = [np.power(np.maximum(end, 0.0), float(exponent)) for end in (low, high)]
    # The exponent's own rounding counts |e log x| u, and pow errs by less than 2 units.
    slack = [
        end * (abs(float(exponent) * np.log(np.maximum(x, 2.0**-1074))) + 4.0) * 2.0**-52
        for end, x in zip(ends, (low, high), strict=True)
    ]
    return (
        np.where(unreal, -np.inf, np.maximum(0.0, down(ends[0] - slack[0]))),
        np.where(unreal, np.inf, up(ends[1] + slack[1])),
    )


def _apply(name: str, order: int, low: FloatArray, high: FloatArray) -> Interval:
    if order == 0 and name in ("step", "sign"):
        least, greatest = (0.0, 1.0) if name == "step" else (-1.0, 1.0)
        # An interval that ends at 0 lies on one side; [0, 0] alone touches both.
        point = (low == 0.0) & (high == 0.0)
        return (
            np.where((low >= 0.0) & ~point, greatest, least),
            np.where((high <= 0.0) & ~point, least, greatest),
        )
    if order == 0 and name == "abs":
        crosses = (low <= 0.0) & (high >= 0.0)
        ends = np.abs(low), np.abs(high)
        return np.where(crosses, 0.0, np.minimum(*ends)), np.maximum(*ends)
    simpler = formula(name, order)
    if simpler is not None:
        return enclose_term(simpler, low, high)
    rule = VALUES.get((name, order))
    if rule is None:
        raise ValueError(f"nothing is known of the function '{name}'")
    # What is left is monotone: exp, log, tanh, sigmoid, softplus, erf, relu.
    (bottom, bottom_error), (top, top_error) = rule(low, {}), rule(high, {})
    return (
        bottom if bottom_error is None else down(bottom - bottom_error),
        top if top_error is None else up(top + top_error),
    )
