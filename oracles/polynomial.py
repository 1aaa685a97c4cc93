"""The radius of a statement that is a polynomial in atoms: sums, products, contractions of them.

Atoms are off by their spread; the statement propagates that (``D``), and adds what its own
roundings may do: a coefficient times P, the sum of the absolute values of its expansion, and the
underflows of its products. Nothing is subtracted, so that no bound cancels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.oracles.elementary import U
from backproof.oracles.formats import FLOAT64, Format
from backproof.oracles.outcome import FloatArray
from backproof.oracles.products import (
    NARROW_FROM,
    UP,
    BoolArray,
    Sizes,
    UpperProducts,
    aligned,
    compensated,
    extent,
    full,
    two_product,
    value_product,
)
from backproof.oracles.radius import (
    count,
    growth,
    is_product,
    roundoff,
    scalar,
    settled_operands,
)
from backproof.oracles.selection import picked
from backproof.oracles.uncertain import (
    TRIFLE,
    MaybeArray,
    MaybeMask,
    Uncertain,
    either,
    settle,
    times,
    total,
)
from backproof.spec.plan import ArrayForm, Chosen, Einsum, Named, Raised, Scalar, Total
from backproof.spec.terms import ONE, Index, Term

# So many products are summed in twice the precision: below that, NumPy's calls cost more anyway.
COMPENSATED_UP_TO = 2**14
# Error-free transformations would overflow on larger numbers.
SAFE = 2.0**450
# The errors of products above this are numbers of float64.
SMALLEST_PRODUCT = 2.0**-900
# A float64 bound below this stands for a number that float64 can hold.
FINITE = 2.0**1000
CHUNK = 2**20

Entries = tuple[np.ndarray, ...]
# At given entries: the value, what its rounding left, and a radius for both together.
Sharper = Callable[[Entries], tuple[FloatArray, FloatArray, FloatArray]]
Atom = Callable[[ArrayForm], Uncertain]
# The choice between two branches that have been evaluated.
Choice = Callable[[Chosen, Uncertain, Uncertain], Uncertain]


class _Product:
    """``coefficient`` times the product of uncertain arrays, summed over what ``out`` lacks."""

    def __init__(
        self,
        operands: Sequence[tuple[Uncertain, tuple[Index, ...]]],
        out: tuple[Index, ...],
        coefficient: Term,
        sizes: Sizes,
        upper: UpperProducts,
    ) -> None:
        self.arrays = [array for array, _ in operands]
        self.indices = [indices for _, indices in operands]
        self.out = out
        self.sizes = sizes
        self.upper = upper
        self.every = tuple(dict.fromkeys(i for indices in self.indices for i in indices))
        self.summed = tuple(i for i in self.every if i not in out)
        self.terms = extent(self.summed, sizes)
        value = scalar(coefficient, sizes)
        self.coefficient = math.nan if value is None else float(value)
        self.scale = abs(self.coefficient)
        # What the reference's own coefficient costs: its rounding and the multiplication.
        self.coefficient_roundings = 2
        if isinstance(value, Fraction) and self.scale in (0.5, 1.0, 2.0):
            self.coefficient_roundings = 0
        elif isinstance(value, float):
            self.coefficient_roundings = 36

    def value(self) -> tuple[FloatArray, int]:
        """The reference's value, and the roundings that a summand meets on its way to it."""
        operands = [(a.value, i) for a, i in zip(self.arrays, self.indices, strict=True)]
        found, path = value_product(operands, self.out, self.sizes)
        if self.coefficient == 1.0:
            return found, path
        return found * self.coefficient, path + self.coefficient_roundings

    def bound(self, errors: Sequence[MaybeArray], roundings: float) -> MaybeArray:
        """What the operands' errors and a relative error of each summand come to, rounded up.

        The sum over the operands of the error of one times the bulks of the others, plus
        ``roundings`` times P.
        """
        bulks = [a.bulk for a in self.arrays]
        uncertain = [k for k, error in enumerate(errors) if error is not None]
        first = uncertain[0] if uncertain else 0
        result: MaybeArray = None
        if roundings:
            # (P + E/c) times c: c P alone could underflow in front of a large factor.
            error, leading = errors[first], bulks[first]
            if error is not None:
                quotient = error / roundings
                quotient += leading
                leading = quotient
            result = times(self._times(bulks, first, leading), roundings * self.scale * UP)
            uncertain = uncertain[1:]
        for k in uncertain:
            error = errors[k]
            assert error is not None
            found = times(self._times(bulks, k, error), self.scale * UP)
            result = total(result, found)
        return result

    def _times(self, bulks: Sequence[FloatArray], k: int, replaced: FloatArray) -> FloatArray:
        arrays = [replaced if j == k else bulk for j, bulk in enumerate(bulks)]
        return self.upper(list(zip(arrays, self.indices, strict=True)), self.out)

    def bulk(self) -> FloatArray:
        """P: the sum of the absolute values of the expansion."""
        found = self.bound([None] * len(self.arrays), 1.0)
        assert found is not None
        return found

    def own_from(self, honest: FloatArray, own: float, roundings: float) -> MaybeArray:
        """What ``bound`` would give for the reference, from the honest bound, without a product.

        By the mediant inequality, sums of products of errors and bulks are at most the greatest
        ratio of the errors apart; None where no ratio is finite.

        Args:
            honest: the bound for the operands' spreads and ``roundings``.
            own: the reference's relative error of each summand.
            roundings: an honest implementation's.
        """
        ratio = max(own / roundings if roundings else math.inf, *(a.ratio for a in self.arrays))
        if ratio == math.inf:
            return None
        # The ratios leave out errors of a few of the smallest numbers.
        tops = [a.top for a in self.arrays]
        left = sum(math.prod(tops[:k] + tops[k + 1 :]) for k in range(len(tops)))
        found = honest * (ratio * UP)
        found += left * self.scale * self.terms * TRIFLE
        return found

    def doubtful(self) -> MaybeMask:
        """Which entries of the result depend on an entry that an implementation may have lost.

        Those too in which NaN or an infinity meets a factor that may be 0, or of either sign: a
        mask may select rather than multiply.
        """
        result = self.touched([a.doubtful for a in self.arrays])
        for k, array in enumerate(self.arrays):
            if array.demanded is None:
                continue
            for j, other in enumerate(self.arrays):
                if j != k and not other.given:
                    pair = [array.demanded.astype(np.float64), other.may_be_zero]
                    operands = list(zip(pair, (self.indices[k], self.indices[j]), strict=True))
                    result = either(result, self.upper(operands, self.out) > 0.0)
        return result

    def touched(self, masks: Sequence[MaybeMask]) -> MaybeMask:
        """Which entries of the result depend on a marked entry of an operand."""
        result: MaybeMask = None
        for mask, indices in zip(masks, self.indices, strict=True):
            if mask is None:
                continue
            gone = tuple(k for k, i in enumerate(indices) if i not in self.out)
            kept = tuple(i for i in indices if i in self.out)
            found = aligned(np.asarray(mask.any(axis=gone)), kept, self.out)
            result = either(result, np.array(full(found, self.out, self.sizes)))
        return result

    @property
    def content(self) -> float:
        """See ``Uncertain.content``."""
        factor = 1.0 if self.scale == 1.0 else 1.0 + self.scale
        return self.terms * math.prod(map(_content, self.arrays)) * factor

    @property
    def underflows(self) -> float:
        """How many halves of the smallest number underflows add up to, on any evaluation.

        Where some of k factors are multiplied and underflow, the rest multiplies the loss: for
        each summand, the sum over subsets of at most k - 2 factors of their product.
        """
        if any(a.content is not None for a in self.arrays):
            return self.content
        factors = [a.top for a in self.arrays] + ([] if self.scale == 1.0 else [self.scale])
        if len(factors) < 3:
            return float(self.terms) if len(factors) == 2 else 0.0
        sums = [1.0] + [0.0] * len(factors)
        for factor in factors:
            for r in range(len(factors), 0, -1):
                sums[r] += sums[r - 1] * factor
        return self.terms * math.fsum(sums[: len(factors) - 1]) * UP

    @property
    def largest(self) -> float:
        """See ``Uncertain.largest``."""
        tops = [a.top if a.largest is None else a.largest for a in self.arrays]
        if len(tops) <= 2 and self.scale == 1.0:
            return self.terms * math.prod(tops)
        return self.terms * math.prod(max(1.0, t) for t in (*tops, self.scale))

    def peaks(self) -> FloatArray:
        """The same bound for each entry: of its partial products and sums."""
        if len(self.arrays) <= 2 and self.scale == 1.0 and not self.composite:
            return self.bulk()
        arrays = [
            np.maximum(a.bulk, 1.0)
            if a.largest is None
            else np.full(a.value.shape, max(1.0, a.largest))
            for a in self.arrays
        ]
        return self.upper(list(zip(arrays, self.indices, strict=True)), self.out) * max(
            1.0, self.scale
        )

    @property
    def composite(self) -> bool:
        """Whether an operand is itself a sum or product."""
        return any(a.content is not None for a in self.arrays)


def _content(array: Uncertain) -> float:
    return 1.0 + array.top if array.content is None else array.content


class Polynomial:
    """A statement, or a part of one, that consists of sums and products of atoms.

    Args:
        form: the statement's right side.
        sizes: of the axes.
        fmt: the format of the radius.
        accumulate: the format of sums, where it is another.
        upper: products of bounds.
        atom: evaluates what is no sum or product.
        choice: chooses between two branches, as an atom or as parts of a sum or product.

    Attributes:
        sharper: after ``result``: the reference at given entries by compensated sums, or None.
    """

    def __init__(
        self,
        form: ArrayForm,
        sizes: Sizes,
        fmt: Format,
        accumulate: Format | None,
        upper: UpperProducts,
        atom: Atom,
        choice: Choice,
    ) -> None:
        self._form = form
        self._out = form.indices
        self._sizes = sizes
        self._fmt = fmt
        self._upper = upper
        self._atom = atom
        self._choice = choice
        self._counts = count(form, sizes, fmt.bits)
        self._roundoff = roundoff(self._counts, fmt, accumulate)
        self._part_radii: list[MaybeArray] = []
        self.sharper: Sharper | None = None

    def result(self) -> Uncertain:
        """The statement's array; its spread holds its own roundings and underflows."""
        forms = self._form.parts if isinstance(self._form, Total) else (self._form,)
        parts = [self._part(form) for form in forms]
        unsure = self._union([p.doubtful() for p in parts], parts)
        demanded = self._union([p.touched([a.demanded for a in p.arrays]) for p in parts], parts)
        simple = self._counts.flat and all(
            len(p.arrays) <= 2 and not math.isnan(p.coefficient) for p in parts
        )
        if demanded is not None and not simple:
            unsure, demanded = either(unsure, demanded), None
        gather = None
        if simple and unsure is None and demanded is None:
            gather = self._gatherer(parts)
        entries = extent(self._out, self._sizes)
        small = self._counts.terms * entries <= COMPENSATED_UP_TO
        radius = self._radius(parts)
        underflows = math.fsum(p.underflows for p in parts)
        if gather is not None and small and entries:
            shape = tuple(self._sizes[i.axis] for i in self._out)
            places = tuple(map(np.ravel, np.indices(shape)))
            value, left, own = (a.reshape(shape) for a in gather(places))
            owned: MaybeArray = (own + np.abs(left)) * UP
        else:
            value, owned = self._value(parts)
            owned = _with_underflows(owned, underflows, FLOAT64)
        self.sharper = gather
        radius = _with_underflows(radius, underflows, self._fmt)
        found = Uncertain(self._fit(value), unsure=unsure, demanded=demanded)
        found.hull = self._union([p.touched([a.hull for a in p.arrays]) for p in parts], parts)
        found.own = None if owned is None else self._fit(owned)
        found.spread = None if radius is None else self._fit(radius)
        self._mark_overflow(found, parts)
        largest = math.fsum(p.largest for p in parts) * (2.0 + self._roundoff)
        if any(math.isnan(p.coefficient) for p in parts):
            found.unsure = np.ones(found.value.shape, bool)
        if unsure is not None or demanded is not None or not largest < FINITE:
            found = settle(found)
        return found

    @property
    def summands(self) -> int:
        """How many products the expansion sums."""
        return self._counts.terms

    # ------------------------------------------------------------ parts of the outer sum

    def _part(self, form: ArrayForm) -> _Product:
        """A part of the outer sum as a product; an atom is a product of one."""
        if isinstance(form, Einsum):
            # A diagonal such as X[i,i] has one dimension left.
            operands = [(self._factor(o), tuple(dict.fromkeys(o.indices))) for o in form.operands]
            operands = picked(operands, settled_operands(form, self._sizes), self._sizes)
            operands = operands or [(Uncertain(np.ones(())), ())]
            return _Product(operands, form.indices, form.coefficient, self._sizes, self._upper)
        return _Product(
            [(self._factor(form), form.indices)], form.indices, ONE, self._sizes, self._upper
        )

    def _factor(self, form: ArrayForm) -> Uncertain:
        if isinstance(form, Scalar):
            return self._number(form)
        if isinstance(form, (Total, Einsum)) or is_product(form):
            return self._expanded(form)
        if isinstance(form, Chosen):
            return self._choice(form, self._factor(form.above), self._factor(form.below))
        found = self._atom(form)
        if isinstance(form, Named) and found.value.size >= 2**12:
            self._upper.keep(found.bulk)
        return found

    def _number(self, form: Scalar) -> Uncertain:
        value = scalar(form.term, self._sizes)
        if value is None:
            return Uncertain(np.array(np.nan), unsure=np.array(True))
        nearest = np.array(float(value))
        exact = isinstance(value, Fraction) and Fraction(float(value)) == value
        own: MaybeArray = None
        if not exact:
            own = np.abs(nearest) * (U if isinstance(value, Fraction) else 2.0**-47)
        return Uncertain(nearest, own)

    def _expanded(self, form: ArrayForm) -> Uncertain:
        """A sum or product inside a product: what it propagates and its P, roundings apart."""
        if isinstance(form, Total):
            return self._expanded_total(form)
        if isinstance(form, Raised):
            base = self._factor(form.argument)
            power = form.power.exponent.numerator
            operands = [(base, form.argument.indices)] * power
            product = _Product(operands, form.indices, ONE, self._sizes, self._upper)
        else:
            product = self._part(form)
        value, path = product.value()
        found = Uncertain(
            np.array(full(value, form.indices, self._sizes)),
            product.bound([a.own for a in product.arrays], growth(path, U)),
            product.bound([a.spread for a in product.arrays], 0.0),
            unsure=product.touched([either(a.doubtful, a.demanded) for a in product.arrays]),
            content=product.content,
            largest=product.largest,
            bulk_or_none=product.bulk(),
        )
        found.own = _with_underflows(found.own, product.underflows, FLOAT64)
        found.hull = product.touched([a.hull for a in product.arrays])
        return found

    def _expanded_total(self, form: Total) -> Uncertain:
        parts = [self._part(part) for part in form.parts]
        shape = tuple(self._sizes[i.axis] for i in form.indices)
        found = Uncertain(np.zeros(shape), bulk_or_none=np.zeros(shape))
        content, largest = 0.0, 0.0
        slack = growth(len(parts) - 1, U)
        for part in parts:
            value, path = part.value()
            own = part.bound([a.own for a in part.arrays], growth(path, U) + slack)
            spread = part.bound([a.spread for a in part.arrays], 0.0)
            bulk = part.bulk()
            place = part.out, form.indices
            found.value = found.value + aligned(value, *place)
            assert found.bulk_or_none is not None
            found.bulk_or_none = found.bulk_or_none + aligned(bulk, *place) * UP
            found.own = total(found.own, None if own is None else aligned(own, *place) * UP)
            if spread is not None:
                found.spread = total(found.spread, aligned(spread, *place) * UP)
            masks = [either(a.doubtful, a.demanded) for a in part.arrays]
            found.unsure = either(found.unsure, self._whole(part.touched(masks), *place))
            masks = [a.hull for a in part.arrays]
            found.hull = either(found.hull, self._whole(part.touched(masks), *place))
            content += part.content
            largest += part.largest
            found.own = _with_underflows(found.own, part.underflows, FLOAT64)
        found.content, found.largest = content, largest
        for name in ("own", "spread"):
            array = getattr(found, name)
            if array is not None and array.shape != shape:
                setattr(found, name, np.broadcast_to(array, shape))
        return found

    # ------------------------------------------------------------ sums over the parts

    def _radius(self, parts: Sequence[_Product]) -> MaybeArray:
        result: MaybeArray = None
        self._part_radii = []
        for part in parts:
            found = part.bound([a.spread for a in part.arrays], self._roundoff)
            self._part_radii.append(found)
            if found is not None:
                result = total(result, aligned(found, part.out, self._out))
        return result

    def _value(self, parts: Sequence[_Product]) -> tuple[FloatArray, MaybeArray]:
        """The reference's value and own radius; after ``_radius``, whose parts it may use."""
        value: FloatArray | None = None
        own: MaybeArray = None
        adds = len(parts) - 1
        for part, honest in zip(parts, self._part_radii, strict=True):
            found, path = part.value()
            moved = aligned(found, part.out, self._out)
            value = moved if value is None else value + moved
            roundings = growth(path + adds, U)
            error = self._own(part, honest, roundings)
            if error is not None:
                own = total(own, aligned(error, part.out, self._out))
        assert value is not None
        return value, own

    def _own(self, part: _Product, honest: MaybeArray, roundings: float) -> MaybeArray:
        """The reference's own radius of a part: from the honest one, where a product is dear."""
        if (
            honest is not None
            and part.terms >= 64
            and extent(part.every, self._sizes) >= NARROW_FROM
        ):
            found = part.own_from(honest, roundings, self._roundoff)
            if found is not None:
                return found
        return part.bound([a.own for a in part.arrays], roundings)

    def _union(self, masks: Sequence[MaybeMask], parts: Sequence[_Product]) -> MaybeMask:
        result: MaybeMask = None
        for mask, part in zip(masks, parts, strict=True):
            result = either(result, self._whole(mask, part.out, self._out))
        return result

    def _whole(
        self, mask: MaybeMask, indices: tuple[Index, ...], out: tuple[Index, ...]
    ) -> MaybeMask:
        if mask is None:
            return None
        return np.array(full(aligned(mask, indices, out), out, self._sizes))

    def _fit(self, array: FloatArray) -> FloatArray:
        return full(array, self._out, self._sizes)

    def _mark_overflow(self, found: Uncertain, parts: Sequence[_Product]) -> None:
        room = self._fmt.largest / (1.0 + self._roundoff) / UP
        if math.fsum(p.largest for p in parts) <= room or math.isinf(self._fmt.largest):
            return
        peaks = [aligned(p.peaks(), p.out, self._out) for p in parts]
        peak = self._fit(reduce(np.add, peaks) * UP)
        over = ~(peak <= room)
        if over.any():
            found.overflow = over
            if self._counts.flat and all(len(p.arrays) <= 2 and p.scale == 1.0 for p in parts):
                found.peak = peak

    # ------------------------------------------------------------ compensated sums

    def _gatherer(self, parts: Sequence[_Product]) -> Sharper | None:
        """The reference at given entries in twice the precision, where the form allows it."""
        scale = parts[0].coefficient if len(parts) == 1 else 1.0
        if len(parts) > 1 and any(p.scale != 1.0 for p in parts):
            return None
        if not all(a.top < SAFE for p in parts for a in p.arrays):
            return None

        def sharper(entries: Entries) -> tuple[FloatArray, FloatArray, FloatArray]:
            number = len(entries[0]) if entries else 1
            step = max(1, CHUNK // max(1, self._counts.terms))
            found = [
                self._gather(parts, tuple(e[k : k + step] for e in entries), scale)
                for k in range(0, max(number, 1), step)
            ]
            value, left, own = (np.concatenate(column) for column in zip(*found, strict=True))
            return value, left, own

        return sharper

    def _gather(
        self, parts: Sequence[_Product], entries: Entries, scale: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        number = len(entries[0]) if entries else 1
        place = dict(zip(self._out, entries, strict=True))
        shift = _shift(parts)
        summands, errors = [], []
        for part in parts:
            arrays = [
                _rows(a.value, indices, place, part.summed, number)
                for a, indices in zip(part.arrays, part.indices, strict=True)
            ]
            shape = (number, *(self._sizes[i.axis] for i in part.summed))
            # Scaled up by a power of two, which is exact, products do not underflow.
            if len(arrays) == 2:
                half = 2.0 ** (shift // 2)
                product, error = two_product(arrays[0] * half, arrays[1] * half)
            else:
                product, error = arrays[0] * 2.0**shift, np.zeros(())
            sign = -1.0 if len(parts) > 1 and part.coefficient < 0.0 else 1.0
            summands.append(np.broadcast_to(sign * product, shape).reshape(number, part.terms))
            errors.append(np.broadcast_to(sign * error, shape).reshape(number, part.terms))
        value, left, own = compensated(
            np.concatenate(summands, axis=1), np.concatenate(errors, axis=1)
        )
        value, left, own = (array * 2.0**-shift for array in (value, left, own))
        touched = np.zeros(number, bool)
        for part in parts:
            bound, nonzero = self._gathered_bound(part, place, number)
            own = own + bound
            touched |= nonzero
        own = own + touched * (FLOAT64.eta * self._lost(parts, shift))
        if scale != 1.0:
            # The coefficient rounds, and so do the products with it.
            own = own * abs(scale) + np.abs(value * scale) * (
                parts[0].coefficient_roundings * U * UP
            )
            value, left = value * scale, left * scale
            own += (np.abs(value) < FLOAT64.tiny) * (2.0 * FLOAT64.eta * touched)
        return value, left, own * UP

    def _lost(self, parts: Sequence[_Product], shift: int) -> float:
        """How many of float64's smallest number compensated sums and their bounds may lose."""
        lost = 1.0 if shift else 0.0
        for part in parts:
            if len(part.arrays) < 2:
                continue
            if any(a.own is not None for a in part.arrays):
                lost += 0.5 * part.terms + 1.0
            # A product's error has 53 bits less than the product; Dekker's algorithm loses a few.
            half = 2.0 ** (shift // 2)
            if math.prod(a.least * half for a in part.arrays) < SMALLEST_PRODUCT:
                lost += 8.0 * part.terms
        return lost

    def _gathered_bound(
        self, part: _Product, place: dict[Index, np.ndarray], number: int
    ) -> tuple[FloatArray, BoolArray]:
        """What the operands' errors come to, and where any of the products is not surely 0."""

        def rows(array: FloatArray, k: int) -> FloatArray:
            return _rows(array, part.indices[k], place, part.summed, number)

        shape = (number, *(self._sizes[i.axis] for i in part.summed))

        def whole(array: NDArray[Any]) -> NDArray[Any]:
            return np.broadcast_to(array, shape).reshape(number, part.terms)

        bulks = [rows(a.bulk, k) for k, a in enumerate(part.arrays)]
        owns = [None if a.own is None else rows(a.own, k) for k, a in enumerate(part.arrays)]
        nonzero = bulks[0] > 0.0
        error = owns[0]
        if len(bulks) == 2:
            nonzero = nonzero & (bulks[1] > 0.0)
            error = total(
                None if owns[0] is None else owns[0] * bulks[1],
                None if owns[1] is None else owns[1] * bulks[0],
            )
        touched = np.asarray(whole(nonzero).any(axis=1))
        if error is None:
            return np.zeros(number), touched
        return whole(error).sum(axis=1) * (1.0 + part.terms * 2.0**-52), touched


def _shift(parts: Sequence[_Product]) -> int:
    """An even power of two by which tiny products are scaled up."""
    top = max(math.prod(a.top for a in part.arrays) for part in parts)
    if top == 0.0:
        # Zero, or the product of the greatest entries is itself too small.
        return 900 if all(a.top < 1.0 for part in parts for a in part.arrays) else 0
    return 0 if top > 2.0**-500 else min(900, -int(math.frexp(top)[1])) // 2 * 2


def _rows(
    array: FloatArray,
    indices: tuple[Index, ...],
    place: dict[Index, np.ndarray],
    summed: tuple[Index, ...],
    number: int,
) -> FloatArray:
    """The array at given entries: one row an entry, then one dimension for each summed index."""
    kept = [k for k, i in enumerate(indices) if i in place]
    rest = tuple(i for i in indices if i not in place)
    moved = array.transpose([*kept, *(indices.index(i) for i in rest)])
    if kept:
        moved = moved[tuple(place[indices[k]] for k in kept)]
    else:
        moved = np.broadcast_to(moved, (number, *moved.shape))
    label = Index("entry", "entry")
    found: FloatArray = aligned(moved, (label, *rest), (label, *summed))
    return found


def _with_underflows(radius: MaybeArray, halves: float, fmt: Format) -> MaybeArray:
    if not halves or not fmt.eta:
        return radius
    if not halves < 2.0**900:
        return np.full((), np.inf) if radius is None else radius + np.inf
    # In float64 the bound itself loses as much again, and half of eta is no number.
    loss = math.ceil(halves) * (fmt.eta if 0.5 * fmt.eta == 0.0 else 0.5 * fmt.eta)
    if radius is None:
        return np.full((), loss)
    # Parts of a sum are combined anew, or one part's bound is nobody else's: it may change.
    return np.add(radius, loss, out=radius if radius.flags.writeable else None)
