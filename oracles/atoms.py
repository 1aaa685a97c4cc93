"""Radii through functions: elementwise ones, powers, softmax and logsumexp.

What these return is an atom to the statement around them: its spread holds its own roundings.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from backproof.oracles import curves
from backproof.oracles.elementary import ETA, VALUES, Memo, U
from backproof.oracles.formats import Format
from backproof.oracles.outcome import FloatArray
from backproof.oracles.products import UP
from backproof.oracles.uncertain import (
    BLOCK,
    MaybeArray,
    Uncertain,
    by_rows,
    either,
    reshaped,
    settle,
    total,
)

# Functions that take NaN to NaN in every honest implementation, and so do their derivatives.
_SMOOTH = ("exp", "log", "tanh", "sigmoid", "softplus", "erf")


def elementwise(name: str, order: int, argument: Uncertain, fmt: Format, memo: Memo) -> Uncertain:
    """A function, or its derivative, entry by entry.

    Raises:
        ValueError: nothing is known of the function.
    """
    if argument.value.ndim == 0:
        # NumPy turns results without a dimension into scalars, which cannot be written to.
        found = elementwise(name, order, reshaped(argument, (1,)), fmt, memo)
        return reshaped(found, ())
    if argument.value.size > 2 * BLOCK:
        # Recomputing what a function shares with its derivative costs less than its memory.
        return by_rows(lambda part: _elementwise(name, order, part, fmt, {}), argument)
    return _elementwise(name, order, argument, fmt, memo)


def _elementwise(name: str, order: int, argument: Uncertain, fmt: Format, memo: Memo) -> Uncertain:
    z = argument.value
    with np.errstate(all="ignore"):
        value, error = curves.value(name, order, z, memo)
        reach = total(argument.own, argument.spread)
        own, spread = error, None
        if reach is not None:
            slope = curves.variation(name, order, z, value, reach, memo)
            if argument.own is not None:
                distance = curves.moved(name, order, slope, argument.own)
                own = distance if own is None else np.add(own, distance, out=own)
            if argument.spread is not None:
                spread = curves.moved(name, order, slope, argument.spread)
        rule = curves.honest(name, order)
        tail = None
        if fmt.u:
            magnitude = np.abs(value)
            for more in (own, spread):
                if more is not None:
                    magnitude += more
            honest, tail = curves.honest_radius(rule, fmt, magnitude, argument.bulk)
            if spread is None or honest is None:
                spread = honest if spread is None else spread
            else:
                spread += honest
        found = Uncertain(value, own, spread, unsure=argument.doubtful, tail=tail)
        found.hull = argument.hull
        for kink in curves.jumps(name, order):
            _at_kink(found, name, order, argument, reach, kink, fmt)
    if argument.demanded is not None:
        sure = argument.demanded & np.isnan(z)
        if name not in _SMOOTH:
            sure = np.zeros_like(sure)
        found.demanded = sure
        found.unsure = either(found.unsure, argument.demanded & ~sure)
    # The other functions of the table are at most |z| + 1.
    if fmt.u and (name == "exp" or (name, order) not in VALUES):
        found.overflow = _overflows(found, fmt)
    return settle(found)


def _overflows(found: Uncertain, fmt: Format) -> np.ndarray | None:
    with np.errstate(all="ignore"):
        over = ~(found.bulk * UP <= fmt.largest)
    found.bulk_or_none = None
    return over if over.any() else None


def _at_kink(
    found: Uncertain,
    name: str,
    order: int,
    argument: Uncertain,
    reach: MaybeArray,
    kink: float,
    fmt: Format,
) -> None:
    distance = np.abs(argument.value - kink)
    near = distance <= (0.0 if reach is None else reach * UP)
    if not near.any():
        return
    z = argument.value[near]
    wide = np.zeros_like(z) if reach is None else reach[near] * UP
    low, high = curves.hull(name, order, z, wide, kink)
    middle = 0.5 * low + 0.5 * high
    half = np.maximum(high - middle, middle - low)
    if fmt.u:
        ends = np.maximum(np.abs(low), np.abs(high))
        honest, _ = curves.honest_radius(curves.honest(name, order), fmt, ends, np.abs(z) + wide)
        if honest is not None:
            half = half + honest
    # What is exact at a kink is a choice: by convention the middle, with the hull as spread.
    found.value = found.value.copy()
    found.value[near] = middle
    shape = found.value.shape
    found.own = np.zeros(shape) if found.own is None else np.array(found.own)
    found.own[near] = 0.0
    found.spread = np.zeros(shape) if found.spread is None else found.spread
    found.spread[near] = half * UP
    found.hull = either(found.hull, near)


def power(argument: Uncertain, exponent: Fraction, fmt: Format) -> Uncertain:
    """A rational power that is no small product: reciprocals, roots, high powers."""
    if argument.value.ndim == 0:
        return reshaped(power(reshaped(argument, (1,)), exponent, fmt), ())
    z, e = argument.value, float(exponent)
    whole = exponent.denominator == 1
    with np.errstate(all="ignore"):
        if exponent == -1:
            value, units = 1.0 / z, 1.0
        elif abs(exponent) == Fraction(1, 2):
            value, units = np.sqrt(z), 1.0
            if exponent < 0:
                value, units = 1.0 / value, 2.5
        else:
            # pow within two units in the last place, and the exponent's own rounding.
            value = np.power(z, e)
            units = 4.0
        rounding = np.abs(value) * (units * U) + ETA
        if Fraction(e) != exponent:
            rounding = rounding + np.abs(value * np.log(np.abs(z))) * (abs(e) * 2.0 * U)
        own: MaybeArray = rounding
        reach = total(argument.own, argument.spread)
        spread: MaybeArray = None
        if reach is None:
            real = np.ones(z.shape, bool) if whole else z >= 0.0
        else:
            far = reach * UP
            least = np.maximum(np.abs(z) - far, 0.0) * (1.0 - 2.0**-50)
            ends = np.power(least if e < 1.0 else (np.abs(z) + far) * UP, e - 1.0)
            slope = ends * (abs(e) * (1.0 + 16.0 * abs(e) * U) * UP)
            if argument.own is not None:
                own = total(own, slope * argument.own)
            if argument.spread is not None:
                spread = slope * argument.spread * UP
            real = np.ones(z.shape, bool) if whole else z - far >= 0.0
        if fmt.u:
            magnitude = np.abs(value)
            for more in (own, spread):
                if more is not None:
                    magnitude = magnitude + more
            units = _power_units(exponent) * fmt.elementary
            honest = magnitude * (units * fmt.u * UP) + 2.0 * fmt.tiny
            spread = total(spread, honest)
        unsure = either(argument.doubtful, argument.demanded)
        found = Uncertain(value, own, spread, unsure=either(unsure, ~real))
        found.hull = argument.hull
        if fmt.u:
            found.overflow = _overflows(found, fmt)
    return settle(found)


def _power_units(exponent: Fraction) -> float:
    if exponent == -1:
        return 1.0
    if abs(exponent) == Fraction(1, 2):
        return 4.0
    # By repeated products and a reciprocal, or by pow: exp(e log x) is no honest one.
    return 8.0 + 2.0 * abs(float(exponent))


def _along(array: MaybeArray, axis: int) -> MaybeArray:
    return None if array is None else array.max(axis=axis, keepdims=True, initial=0.0)


def _blocked_sum(array: FloatArray, axis: int) -> tuple[FloatArray, int]:
    """The sum along an axis, kept, and the most additions that a summand meets."""
    count = array.shape[axis]
    width = max(1, int(count**0.5))
    starts = np.arange(0, count, width)
    if count == 0:
        return array.sum(axis=axis, keepdims=True), 0
    blocks = np.add.reduceat(array, starts, axis=axis)
    return blocks.sum(axis=axis, keepdims=True), width + len(starts)


class _Shifted:
    """What softmax and logsumexp share: z - max, its exponentials, their sum, and the slack."""

    def __init__(self, argument: Uncertain, axis: int) -> None:
        z = argument.value
        self.count = z.shape[axis]
        self.max = z.max(axis=axis, keepdims=True, initial=-np.inf)
        self.shifted = z - self.max
        exponentials = np.exp(self.shifted)
        self.sum, self.path = _blocked_sum(exponentials, axis)
        self.value = exponentials / self.sum
        self.reach = _along(total(argument.own, argument.spread), axis)
        self.depth = np.abs(self.shifted)
        if self.reach is not None:
            self.depth = self.depth + 2.0 * self.reach
        # sum p |s|, to first order; what the rounding of each s does to the sum.
        self.mean_depth = (self.value * self.depth).sum(axis=axis, keepdims=True) * UP
        if self.reach is not None:
            widest = np.minimum(self.reach, 300.0)
            self.mean_depth = np.minimum(
                self.mean_depth * np.exp(2.0 * widest),
                self.depth.max(axis=axis, keepdims=True, initial=0.0),
            )

    def average(self, radius: FloatArray, axis: int) -> FloatArray:
        """An upper bound of sum p E, p anywhere within reach."""
        greatest = radius.max(axis=axis, keepdims=True, initial=0.0)
        assert self.reach is not None
        weighted = (self.value * radius).sum(axis=axis, keepdims=True)
        # The weights are within 2^-20 of exact, relatively, or too small for a float64.
        grown = weighted * np.exp(2.0 * np.minimum(self.reach, 300.0)) * (1.0 + 2.0**-19)
        return np.asarray(
            np.minimum(greatest, np.asarray(grown + greatest * (self.count * 2.0**-1000)))
        )


def softmax(argument: Uncertain, axis: int, fmt: Format) -> Uncertain:
    """Softmax along an axis.

    An implementation that subtracts the maximum is within u (C + 12 + |s| + sum p |s|) of it,
    relatively, for C classes and s = z - max; the reference, with its constants, within
    u (path + 4 + |s| + sum p |s|). Both count logarithms of (1 + error), so that they add.
    """
    with np.errstate(all="ignore"):
        parts = _Shifted(argument, axis)
        value = parts.value
        own_units = (parts.depth + parts.mean_depth) + (parts.path + 6.0)
        own_exponent = own_units * U
        if argument.own is not None:
            own_exponent += (argument.own + parts.average(argument.own, axis)) * UP
        own = value * np.expm1(own_exponent) * UP + ETA
        spread: MaybeArray = None
        magnitude = (value + own) * UP
        exponent: FloatArray | float = 0.0
        if argument.spread is not None:
            exponent = (argument.spread + parts.average(argument.spread, axis)) * UP
        if fmt.u:
            constant = parts.count + 12.0 * fmt.elementary
            exponent = exponent + (parts.depth + parts.mean_depth + constant) * fmt.u
        if fmt.u or argument.spread is not None:
            spread = np.minimum(magnitude * np.expm1(exponent), 2.0) * UP + 2.0 * fmt.tiny
    unsure = argument.special
    if argument.overflow is not None:
        unsure = either(unsure, argument.overflow)
    if unsure is not None:
        unsure = np.broadcast_to(unsure.any(axis=axis, keepdims=True), value.shape)
    found = Uncertain(value, own, spread, unsure=unsure)
    if argument.hull is not None:
        found.hull = np.broadcast_to(argument.hull.any(axis=axis, keepdims=True), value.shape)
    return settle(found)


def logsumexp(argument: Uncertain, axis: int, fmt: Format) -> Uncertain:
    """The logarithm of the sum of exponentials over an axis, which goes.

    Absolute: u (C + 12 + 10 log C + sum p |s| + 8 |result|), for max + log(sum exp(z - max)), for
    log(sum exp(z)), and, with four roundings more in the statement around it, for the logarithm
    of softmax.
    """
    with np.errstate(all="ignore"):
        parts = _Shifted(argument, axis)
        mean_depth = parts.mean_depth.squeeze(axis)
        value = (parts.max + np.log(parts.sum)).squeeze(axis)
        # log of the sum, at most log C, is within 2 u; the last addition rounds once.
        bits = float(np.log(max(parts.count, 1)))
        own = (mean_depth + (parts.path + 4.0 + 2.0 * bits) + np.abs(value)) * (U * UP)
        own += 2.0 * ETA
        spread: MaybeArray = None
        if argument.own is not None:
            own += parts.average(argument.own, axis).squeeze(axis) * UP
        if argument.spread is not None:
            spread = parts.average(argument.spread, axis).squeeze(axis) * UP
        if fmt.u:
            magnitude = np.abs(value) + own
            if spread is not None:
                magnitude = magnitude + spread
            functions = 8.0 * magnitude + (12.0 + 10.0 * bits)
            units = functions * fmt.elementary + (mean_depth + float(parts.count))
            # expm1 holds what a sum's relative error does to its logarithm beyond first order.
            honest = np.expm1(units * (fmt.u * UP)) + 2.0 * fmt.tiny
            spread = total(spread, honest)
    unsure = either(argument.special, argument.overflow)
    if unsure is not None:
        unsure = np.asarray(unsure.any(axis=axis))
    found = Uncertain(value, own, spread, unsure=unsure)
    if argument.hull is not None:
        found.hull = np.asarray(argument.hull.any(axis=axis))
    return settle(found)
