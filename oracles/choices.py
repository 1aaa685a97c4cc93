"""Radii through choices and products: maxima, where, and the product over an index.

A choice computes nothing, so that what an implementation's value is off by is what the chosen
entry is off by. Where its own errors may make it choose otherwise, every choice is right.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.oracles.elementary import ETA, U
from backproof.oracles.formats import Format
from backproof.oracles.outcome import FloatArray
from backproof.oracles.products import UP, BoolArray, two_product, two_sum
from backproof.oracles.radius import growth
from backproof.oracles.uncertain import MaybeArray, MaybeMask, Uncertain, either, settle, total

# Error-free products neither over- nor underflow between this and its reciprocal.
_SAFE = 2.0**450


def _reach(array: Uncertain) -> FloatArray:
    """How far R and any honest value may be apart."""
    found = total(array.own, array.spread)
    return np.zeros(array.value.shape) if found is None else np.asarray(found * UP)


def _ends(array: Uncertain) -> tuple[FloatArray, FloatArray]:
    """The interval of all honest values and of the exact one."""
    reach = _reach(array)
    low, high = array.value - reach, array.value + reach
    exact = reach == 0.0
    return (
        np.where(exact, array.value, np.nextafter(low, -np.inf)),
        np.where(exact, array.value, np.nextafter(high, np.inf)),
    )


def _lost_along(array: Uncertain, axis: int, keep: bool = False) -> MaybeMask:
    """Where an entry of which nothing is known, or that may overflow, is among those of an axis."""
    lost = either(array.special, array.overflow)
    return None if lost is None else np.asarray(lost.any(axis=axis, keepdims=keep))


# ---------------------------------------------------------------- the largest of several


def largest(argument: Uncertain, axis: int) -> Uncertain:
    """The largest value along an axis, which goes.

    It is off by no more than an entry is off that may be the largest.
    """
    with np.errstate(all="ignore"):
        low, high = _ends(argument)
        floor = low.max(axis=axis, keepdims=True, initial=-np.inf)
        candidate = high >= floor

        def greatest(radius: MaybeArray) -> MaybeArray:
            if radius is None:
                return None
            return np.asarray(np.where(candidate, radius, 0.0).max(axis=axis, initial=0.0))

        value = np.asarray(argument.value.max(axis=axis, initial=-np.inf))
        found = Uncertain(value, greatest(argument.own), greatest(argument.spread))
        found.unsure = _lost_along(argument, axis)
        if argument.hull is not None:
            found.hull = np.asarray((argument.hull & candidate).any(axis=axis))
    return settle(found)


def _all_others(ends: FloatArray, axis: int) -> FloatArray:
    """For each entry the largest of the others along the axis; of none, minus infinity."""
    first = np.expand_dims(ends.argmax(axis=axis), axis)
    places = np.arange(ends.shape[axis]).reshape([-1 if k == axis else 1 for k in range(ends.ndim)])
    top: FloatArray = ends.max(axis=axis, keepdims=True)
    second = np.where(places == first, -np.inf, ends).max(axis=axis, keepdims=True)
    return np.asarray(np.where(places == first, second, top))


def hardmax(argument: Uncertain, axis: int, settled: bool) -> Uncertain:
    """1 where the largest value along an axis is, else 0; anything between where a tie may be.

    Args:
        argument: the values.
        axis: along which they compete.
        settled: whether values that are surely equal have equal shares.
    """
    shape = argument.value.shape
    if not argument.value.size:
        return Uncertain(np.zeros(shape))
    with np.errstate(all="ignore"):
        low, high = _ends(argument)
        surely = low > _all_others(high, axis)
        tied = ~surely & (high >= _all_others(low, axis))
        shares = np.where(tied, 0.5, surely.astype(np.float64))
        own: MaybeArray = None
        if settled:
            exact = (tied <= (low == high)).all(axis=axis, keepdims=True)
            equal = tied & exact
            number = equal.sum(axis=axis, keepdims=True)
            shares = np.where(equal, 1.0 / np.maximum(number, 1), shares)
            own = np.where(equal, shares * U, 0.0)
            tied = tied & ~exact
    found = Uncertain(shares, own)
    if tied.any():
        found.spread = np.where(tied, 0.5, 0.0)
        found.hull = tied
    lost = _lost_along(argument, axis, keep=True)
    found.unsure = None if lost is None else np.array(np.broadcast_to(lost, shape))
    return settle(found)


# ---------------------------------------------------------------- one of two


def chosen(
    test: Uncertain, above: Uncertain, below: Uncertain, settled: bool, selects: bool
) -> Uncertain:
    """``above`` where the test is greater than 0, else ``below``; either where it may be 0.

    Args:
        test: of the shape of both branches.
        above: the branch for a positive test.
        below: the other.
        settled: whether ``below`` alone is right where the test is surely and exactly 0.
        selects: whether what is not chosen leaves no trace. An implementation may multiply by 0
            instead, which does where the inputs are not finite.
    """
    with np.errstate(all="ignore"):
        low, high = _ends(test)
        up, down = low > 0.0, high < 0.0
        if settled:
            down |= (low == 0.0) & (high == 0.0)
        open_ = ~(up | down)

        def pick(first: Any, second: Any) -> Any:
            if first is None and second is None:
                return None
            zero = np.zeros((), bool) if _is_mask(first, second) else np.zeros(())
            first, second = (zero if a is None else a for a in (first, second))
            return np.array(np.where(up, first, np.where(down, second, zero)))

        found = Uncertain(pick(above.value, below.value))
        for name in ("own", "spread", "unsure", "demanded", "overflow", "hull"):
            setattr(found, name, pick(getattr(above, name), getattr(below, name)))
        found.unsure = either(found.unsure, either(test.special, test.overflow))
        others = either(above.special, below.special)
        if others is not None:
            found.unsure = either(found.unsure, others if not selects else others & open_)
        if above.content is not None or below.content is not None:
            _keep_expansion(found, above, below, pick, open_)
        if open_.any():
            _leave_open(found, above, below, open_)
    return settle(found)


def _is_mask(first: Any, second: Any) -> bool:
    return any(a is not None and a.dtype.kind == "b" for a in (first, second))


def _leave_open(found: Uncertain, above: Uncertain, below: Uncertain, open_: BoolArray) -> None:
    """The hull of both branches: by convention its middle, with the rest as spread."""
    (low, high), (other_low, other_high) = _ends(above), _ends(below)
    low, high = np.minimum(low, other_low), np.maximum(high, other_high)
    exact = open_ & (low == high)
    middle = np.where(exact, low, 0.5 * low + 0.5 * high)
    half = np.maximum(high - middle, middle - low)
    found.value = np.where(open_, middle, found.value)
    if found.own is not None:
        found.own = np.where(open_, 0.0, found.own)
    half = np.where(open_, half * UP, 0.0)
    found.spread = half if found.spread is None else np.where(open_, half, found.spread)
    found.hull = either(found.hull, open_ & ~exact)
    overflow = either(above.overflow, below.overflow)
    if overflow is not None:
        found.overflow = either(found.overflow, overflow & open_)


def _keep_expansion(
    found: Uncertain, above: Uncertain, below: Uncertain, pick: Any, open_: BoolArray
) -> None:
    """What a statement needs to know of branches that are sums or products inside it."""
    bulk = np.array(pick(above.bulk, below.bulk))
    found.bulk_or_none = np.where(open_, np.maximum(above.bulk, below.bulk), bulk)
    pair = (above, below)
    found.content = max(1.0 + a.top if a.content is None else a.content for a in pair)
    found.largest = max(a.top if a.largest is None else a.largest for a in pair)


# ---------------------------------------------------------------- all factors of an axis


def product(
    factors: Uncertain, axis: int, fmt: Format, skipped: BoolArray | None = None
) -> Uncertain:
    """The product along an axis, which goes, in any order.

    n factors make n - 1 roundings. All factors but one may also be had as the product of all,
    divided by that one: one rounding more than its n - 1. Where the one is 0, or so small that the
    product of all is no normal number, that is not honest.

    Args:
        factors: over the axis and others.
        axis: of the product.
        fmt: the format of the radius.
        skipped: at which factors to put 1 in place of what is given.
    """
    count = factors.value.shape[axis]
    with np.errstate(all="ignore"):
        room = np.prod(np.maximum(factors.bulk, 1.0), axis=axis) * UP
        lost = _lost_along(factors, axis)
        value, bulk, own, spread = factors.value, factors.bulk, factors.own, factors.spread
        if skipped is not None:
            value, bulk = np.where(skipped, 1.0, value), np.where(skipped, 1.0, bulk)
            own, spread = (None if r is None else np.where(skipped, 0.0, r) for r in (own, spread))
        moduli = np.asarray(np.prod(bulk, axis=axis) * _up(count))
        roundings = count if skipped is not None else max(0, count - 1)
        losses = room * max(0, count - 1)
        result, left, rounding = compensated_product(value, axis, losses * ETA)
        found = Uncertain(np.asarray(result))
        found.own = _off(bulk, own, axis) + (np.abs(left) + rounding) * UP
        if spread is not None or fmt.u:
            honest = moduli * (growth(roundings, fmt.u) * UP) + losses * fmt.eta
            found.spread = _off(bulk, spread, axis) + honest
        found.unsure = lost
        if fmt.u:
            # On the way a product may be any of the factors' subsets.
            over = ~(room * (1.0 + growth(count, fmt.u)) <= fmt.largest)
            found.overflow = over if over.any() else None
        if factors.hull is not None:
            found.hull = np.asarray(factors.hull.any(axis=axis))
    return settle(found)


def compensated_product(
    factors: FloatArray, axis: int, underflows: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The product along an axis almost as if in twice the precision.

    Source: S. Graillat, "Accurate Floating-Point Product and Exponentiation", IEEE Transactions on
    Computers 58 (2009): the product and the errors of its steps are within
    gamma_n gamma_2n of it, relatively, unless something under- or overflows.

    Args:
        factors: float64 numbers.
        axis: of the product.
        underflows: what they may cost where the plain product is taken.

    Returns:
        The products, rounded; what that rounding left; and a bound of how far both together are.
    """
    moved = np.moveaxis(factors, axis, 0)
    value, error = np.ones(moved.shape[1:]), np.zeros(moved.shape[1:])
    safe, zero = np.ones(value.shape, bool), np.zeros(value.shape, bool)
    with np.errstate(all="ignore"):
        for factor in moved:
            step, lost = two_product(value, factor)
            error = error * factor + lost
            value = step
            size = np.abs(step)
            zero |= factor == 0.0
            safe &= (np.abs(factor) < _SAFE) & (size < _SAFE) & ((size > 1.0 / _SAFE) | zero)
        count = len(moved)
        relative = growth(count, U) * growth(2 * count, U) + 2.0**-105
        plain = np.prod(moved, axis=0)
        rounded, left = two_sum(value, error)
        bound = np.abs(value) * relative * UP
        far = np.abs(plain) * growth(count, U) * UP + underflows
        return (
            np.where(safe, rounded, plain),
            np.where(safe, left, 0.0),
            np.where(safe, bound, far),
        )


def _up(count: int) -> float:
    # A product of so many float64 numbers, each rounding upwards of its own.
    return (1.0 + (count + 1) * 2.0**-52) * UP


def _off(bulk: FloatArray, radius: MaybeArray, axis: int) -> FloatArray:
    """What errors of the factors come to: the sum over each of its error times all other bulks."""
    if radius is None:
        return np.zeros([s for k, s in enumerate(bulk.shape) if k != axis])
    moved, errors = np.moveaxis(bulk, axis, 0), np.moveaxis(radius, axis, 0)
    before = np.ones(moved.shape[1:])
    found = np.zeros(moved.shape[1:])
    # One factor after another: the error so far times the factor, and the factor's own error.
    for factor, error in zip(moved, errors, strict=True):
        found = found * factor + before * error
        before = before * factor
    return np.asarray(found * _up(2 * len(moved)))
