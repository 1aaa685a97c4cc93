"""Arrays of which the reference knows the values only so far, and implementations only so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from backproof.oracles.outcome import FloatArray
from backproof.oracles.products import BoolArray

MaybeArray = FloatArray | None
MaybeMask = BoolArray | None


# Errors up to this are a few of float64's smallest numbers.
TRIFLE = 2.0**-1070


@dataclass(eq=False)
class Uncertain:
    """What is known of one array; ``None`` stands for zeros, or for nowhere.

    Attributes:
        value: what the reference computed, R.
        own: R is within this of the exact value.
        spread: an honest implementation is within this of the exact value.
        unsure: entries of which nothing may be demanded.
        demanded: entries whose value is not finite and right: NaN or infinite in any order.
        overflow: entries at which the format may overflow in some order.
        tail: the part of the spread granted to implementations that lose a tail's accuracy.
        hull: entries whose value is a convention, the middle of what is legal at a kink, here or
            where they come from.
        peak: where the format may overflow, the sum of the absolute values of all summands.
        content: an upper bound of the sum, over the summands of an expansion, of the product of
            1 + |factor|; what underflows are counted by.
        largest: an upper bound of every number that an evaluation meets on the way.
        given: whether it is an input.
    """

    value: FloatArray
    own: MaybeArray = None
    spread: MaybeArray = None
    unsure: MaybeMask = None
    demanded: MaybeMask = None
    overflow: MaybeMask = None
    tail: FloatArray | float | None = None
    hull: MaybeMask = None
    peak: MaybeArray = None
    content: float | None = None
    largest: float | None = None
    given: bool = False
    bulk_or_none: MaybeArray = None
    _top: float | None = field(default=None, init=False)
    _ratio: float | None = field(default=None, init=False)
    _least: float | None = field(default=None, init=False)

    @property
    def bulk(self) -> FloatArray:
        """An upper bound of |honest value| and of |R|, entrywise; 0 where it is not finite."""
        if self.bulk_or_none is None:
            bulk: FloatArray = np.asarray(np.abs(self.value))
            if self.own is not None:
                bulk += self.own
            if self.spread is not None:
                bulk += self.spread
            bad = self.special
            if bad is not None:
                bulk[bad] = 0.0
            self.bulk_or_none = bulk
        return self.bulk_or_none

    @property
    def special(self) -> MaybeMask:
        """Entries to which no bound applies."""
        return either(self.unsure, self.demanded)

    @property
    def top(self) -> float:
        """The greatest entry of the bulk."""
        if self._top is None:
            self._top = float(self.bulk.max(initial=0.0))
        return self._top

    @property
    def least(self) -> float:
        """The least |R| that is not zero; infinite where all are."""
        if self._least is None:
            size = np.abs(self.value)
            self._least = float(np.min(size, where=size > 0.0, initial=np.inf))
        return self._least

    @property
    def ratio(self) -> float:
        """The greatest own / spread, where own is above TRIFLE: infinite where spread is 0."""
        if self._ratio is None:
            if self.own is None:
                self._ratio = 0.0
            elif self.spread is None:
                self._ratio = float("inf")
            else:
                with np.errstate(all="ignore"):
                    quotient = self.own / self.spread
                greatest = float(quotient.max(initial=0.0))
                if not greatest < 1.0:
                    counts = self.own > TRIFLE
                    greatest = float(np.fmax.reduce(quotient, None, initial=0.0, where=counts))
                self._ratio = greatest
        return self._ratio

    @property
    def may_be_zero(self) -> FloatArray:
        """1 where an implementation's value may be 0 or of either sign, else 0."""
        reach = total(self.own, self.spread)
        return (np.abs(self.value) <= (0.0 if reach is None else reach)).astype(np.float64)

    @property
    def doubtful(self) -> MaybeMask:
        """Entries that an implementation may have lost: unsure, or overflowed."""
        return either(self.unsure, self.overflow)


def either(left: MaybeMask, right: MaybeMask) -> MaybeMask:
    """The union of two masks."""
    if left is None or right is None:
        return right if left is None else left
    return left | right


def total(left: MaybeArray, right: MaybeArray) -> MaybeArray:
    """The sum of two arrays that broadcast."""
    if left is None or right is None:
        return right if left is None else left
    return left + right


def times(array: FloatArray, factor: float) -> FloatArray:
    """A multiple of an array that nobody else holds: in place, unless it is a broadcast."""
    if factor == 1.0:
        return array
    return np.multiply(array, factor, out=array if array.flags.writeable else None)


def settle(found: Uncertain) -> Uncertain:
    """The same with every entry that is not finite marked: demanded where it was, else unsure."""
    lost = ~np.isfinite(found.value)
    demanded = found.demanded
    if demanded is not None:
        demanded = demanded & lost
        if found.doubtful is not None:
            demanded &= ~found.doubtful
        lost &= ~demanded
    for radius in (found.own, found.spread):
        if radius is not None:
            lost |= ~np.isfinite(radius) if demanded is None else ~np.isfinite(radius) & ~demanded
    unsure = either(found.unsure, lost)
    assert unsure is not None
    found.unsure = unsure if unsure.any() else None
    found.demanded = demanded if demanded is not None and demanded.any() else None
    bad = found.special
    if bad is not None:
        if found.own is not None:
            found.own = np.where(bad, 0.0, found.own)
        if found.spread is not None:
            found.spread = np.where(bad, 0.0, found.spread)
    return found


def reshaped(found: Uncertain, shape: tuple[int, ...]) -> Uncertain:
    """The same entries in another shape."""

    def fit(array: np.ndarray | None) -> np.ndarray | None:
        return None if array is None else np.asarray(array).reshape(shape)

    result = Uncertain(np.asarray(found.value).reshape(shape))
    for name in ("own", "spread", "unsure", "demanded", "overflow", "hull"):
        setattr(result, name, fit(getattr(found, name)))
    result.tail = found.tail if isinstance(found.tail, float) else fit(found.tail)
    return result


# Temporary arrays of so many entries stay in the cache, and cost no fresh memory.
BLOCK = 2**15


def row_blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Slices of the first axis, of about BLOCK entries each."""
    if not shape or 0 in shape:
        return
    step = max(1, BLOCK * shape[0] // int(np.prod(shape)))
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))


def by_rows(function: Callable[[Uncertain], Uncertain], argument: Uncertain) -> Uncertain:
    """An entry-by-entry function of an array, block by block.

    Each block has the same fields, apart from masks, which stand for nowhere where they lack.
    """
    shape = argument.value.shape
    # The bulk is made once, and its blocks are views.
    argument.bulk_or_none = argument.bulk
    result: Uncertain | None = None
    for block in row_blocks(shape):
        part = function(_rows_of(argument, block))
        if result is None:
            result = Uncertain(np.empty(shape))
        for name in ("value", "own", "spread", "unsure", "demanded", "overflow", "hull", "tail"):
            found = getattr(part, name)
            if found is None:
                continue
            if isinstance(found, float):
                result.tail = found
                continue
            whole = getattr(result, name)
            if whole is None:
                whole = np.zeros(shape, found.dtype)
                setattr(result, name, whole)
            whole[block] = found
    assert result is not None
    return result


def _rows_of(found: Uncertain, block: slice) -> Uncertain:
    part = Uncertain(found.value[block])
    for name in ("own", "spread", "unsure", "demanded", "overflow", "hull", "bulk_or_none"):
        array = getattr(found, name)
        setattr(part, name, None if array is None else array[block])
    return part
