"""Contractions of arrays whose dimensions are labelled by indices: values, and rounded-up bounds.

Three ways to sum products: in two halves through BLAS (``value_product``), compensated
(``compensated``), and, for non-negative bounds, rounded up (``UpperProducts``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, prod
from string import ascii_letters
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from backproof.oracles.outcome import FloatArray
from backproof.spec.terms import Index

AnyFloat = NDArray[np.floating]
BoolArray = NDArray[np.bool_]
Labelled = tuple[FloatArray, tuple[Index, ...]]
Sizes = Mapping[str, int]
_Scalar = TypeVar("_Scalar", bound=np.generic)

# A chain of fewer than 2^12 float64 operations on non-negative numbers errs by less than this.
UP = 1.0 + 2.0**-40
SPLITTER = 2.0**27 + 1.0
# From here on a bound's matrix product pays for its conversion to float32.
NARROW_FROM = 2**22
_NO_UNDERFLOW = 2.0**-120
_NARROW_EXPONENT = 400


def extent(indices: Sequence[Index], sizes: Sizes) -> int:
    """The number of entries over some indices."""
    return prod(sizes[i.axis] for i in indices)


def aligned(
    array: NDArray[_Scalar], indices: tuple[Index, ...], out: tuple[Index, ...]
) -> NDArray[_Scalar]:
    """A view with one dimension an index of ``out``: of size 1 where the array lacks the index.

    Every index of the array is among ``out``.
    """
    if not array.ndim:
        # One number for all entries.
        return array.reshape((1,) * len(out))
    order = [indices.index(i) for i in out if i in indices]
    moved = array if order == list(range(len(order))) else array.transpose(order)
    if len(indices) == len(out):
        return moved
    return moved[tuple(slice(None) if i in indices else None for i in out)]


def full(array: NDArray[_Scalar], out: tuple[Index, ...], sizes: Sizes) -> NDArray[_Scalar]:
    """The array broadcast to the shape of ``out``."""
    shape = tuple(sizes[i.axis] for i in out)
    return array if array.shape == shape else np.broadcast_to(array, shape)


def _summed_here(indices: Sequence[Index], elsewhere: set[Index]) -> tuple[int, ...]:
    return tuple(k for k, i in enumerate(indices) if i not in elsewhere)


def contract(operands: Sequence[Labelled], out: tuple[Index, ...], sizes: Sizes) -> FloatArray:
    """The product of the operands, summed over the indices not in ``out``, over ``out``.

    Indices of one operand are distinct. Summands meet in an unspecified order.
    """
    rest = list(operands)
    while len(rest) > 1:
        chosen, kept = _cheapest_pair(rest, out, sizes)
        product = _pair(*rest[chosen[0]], *rest[chosen[1]], kept)
        rest = [operand for k, operand in enumerate(rest) if k not in chosen]
        rest.append((product, kept))
    array, indices = rest[0]
    unwanted = _summed_here(indices, set(out))
    if unwanted:
        array = array.sum(axis=unwanted)
        indices = tuple(i for i in indices if i in out)
    return full(aligned(array, indices, out), out, sizes)


def _cheapest_pair(
    operands: Sequence[Labelled], out: tuple[Index, ...], sizes: Sizes
) -> tuple[tuple[int, int], tuple[Index, ...]]:
    """The two operands whose product is smallest, and its indices."""
    best: tuple[int, tuple[int, int], tuple[Index, ...]] | None = None
    for a, b in combinations(range(len(operands)), 2):
        later = set(out).union(*(ix for k, (_, ix) in enumerate(operands) if k not in (a, b)))
        both = dict.fromkeys((*operands[a][1], *operands[b][1]))
        kept = tuple(i for i in both if i in later)
        if len(operands) == 2:
            kept = tuple(i for i in out if i in both)
        found = extent(kept, sizes)
        if best is None or found < best[0]:
            best = found, (a, b), kept
    assert best is not None
    return best[1:]


def _pair(
    left: FloatArray,
    left_indices: tuple[Index, ...],
    right: FloatArray,
    right_indices: tuple[Index, ...],
    kept: tuple[Index, ...],
) -> FloatArray:
    alone = _summed_here(left_indices, set(right_indices) | set(kept))
    if alone:
        left = left.sum(axis=alone)
        left_indices = tuple(i for k, i in enumerate(left_indices) if k not in alone)
    alone = _summed_here(right_indices, set(left_indices) | set(kept))
    if alone:
        right = right.sum(axis=alone)
        right_indices = tuple(i for k, i in enumerate(right_indices) if k not in alone)
    shared = [i for i in left_indices if i in right_indices]
    summed = [i for i in shared if i not in kept]
    if not summed:
        return aligned(left, left_indices, kept) * aligned(right, right_indices, kept)
    if len(summed) == len(shared):
        found = np.tensordot(
            left,
            right,
            axes=(
                [left_indices.index(i) for i in summed],
                [right_indices.index(i) for i in summed],
            ),
        )
        order = tuple(i for i in (*left_indices, *right_indices) if i not in summed)
        return np.asarray(aligned(found, order, kept))
    letter = dict(zip(dict.fromkeys((*left_indices, *right_indices)), ascii_letters, strict=False))
    pattern = ",".join("".join(letter[i] for i in ix) for ix in (left_indices, right_indices))
    found = np.einsum(f"{pattern}->{''.join(letter[i] for i in kept)}", left, right)
    return np.asarray(found)


def value_product(
    operands: Sequence[Labelled], out: tuple[Index, ...], sizes: Sizes
) -> tuple[FloatArray, int]:
    """As ``contract``, with a shorter path for each summand where that is cheap.

    Returns:
        The array, and the most roundings that any summand meets, products included.
    """
    every = dict.fromkeys(i for _, indices in operands for i in indices)
    summed = [i for i in every if i not in out]
    terms = extent(summed, sizes)
    factors = len(operands)
    if len(summed) == 1 and terms >= 4:
        pieces = 2 if factors > 1 else ceil(terms**0.5)
        width = ceil(terms / pieces)
        starts = range(0, terms, width)
        found = None
        for start in starts:
            part = contract(
                [_slice(operand, summed[0], start, start + width) for operand in operands],
                out,
                sizes,
            )
            if found is None:
                # A broadcast cannot be added to.
                found = part if part.flags.writeable else np.array(part)
            else:
                found += part
        assert found is not None
        return found, max(0, width - 1 + len(starts) - 1 + factors - 1)
    return contract(operands, out, sizes), max(0, terms - 1 + factors - 1)


def _slice(operand: Labelled, index: Index, start: int, stop: int) -> Labelled:
    array, indices = operand
    if index not in indices:
        return operand
    return array[tuple(slice(start, stop) if i == index else slice(None) for i in indices)], indices


# ---------------------------------------------------------------- compensated sums of products


def two_sum(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """fl(a + b) and its error, exactly (Knuth, The Art of Computer Programming 2, 4.2.2)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def two_product(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """fl(a b) and its error, exactly unless something under- or overflows.

    Source: T. J. Dekker, "A Floating-Point Technique for Extending the Available Precision",
    Numerische Mathematik 18 (1971).
    """
    p = a * b
    t = SPLITTER * a
    a_high = t - (t - a)
    a_low = a - a_high
    t = SPLITTER * b
    b_high = t - (t - b)
    b_low = b - b_high
    return p, a_low * b_low - (((p - a_high * b_high) - a_low * b_high) - a_high * b_low)


def compensated(
    summands: FloatArray, errors: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The sum over the last axis of ``summands + errors``, almost as if in twice the precision.

    Each pair of a binary tree is added without error; the errors are summed beside it (as Dot2 in
    T. Ogita, S. M. Rump and S. Oishi, "Accurate Sum and Dot Product", SIAM J. Sci. Comput. 26,
    2005, in a tree instead of a row).

    Returns:
        The sums, rounded; what that rounding left; and a bound of how far both together are from
        the exact sums. Only sums of errors are rounded, twice on each of the tree's levels.
    """
    height = 0
    sizes = np.abs(errors)
    while summands.shape[-1] > 1:
        half = summands.shape[-1] // 2
        odd = slice(2 * half, None)
        left, right = slice(0, half), slice(half, 2 * half)
        total, error = two_sum(summands[..., left], summands[..., right])
        size = (sizes[..., left] + sizes[..., right]) + np.abs(error)
        error = (errors[..., left] + errors[..., right]) + error
        summands = np.concatenate((total, summands[..., odd]), axis=-1)
        errors = np.concatenate((error, errors[..., odd]), axis=-1)
        sizes = np.concatenate((size, sizes[..., odd]), axis=-1)
        height += 1
    if summands.shape[-1] == 0:
        nothing = np.zeros(summands.shape[:-1])
        return nothing, nothing, nothing
    value, rest = two_sum(summands[..., 0], errors[..., 0])
    return value, rest, sizes[..., 0] * (2.0 * height * 2.0**-53 * UP)


# ---------------------------------------------------------------- bounds, rounded up


class UpperProducts:
    """Contractions of non-negative arrays whose results are nowhere below the exact ones.

    Large matrix products are taken in float32, which halves their cost; arrays are converted once.
    Products below float64's smallest number may be lost: at most its half for each.
    """

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self._kept: dict[int, tuple[FloatArray, list[_Narrow]]] = {}

    def keep(self, array: FloatArray) -> None:
        """Remember the conversion of an array that several products will use."""
        self._kept.setdefault(id(array), (array, []))

    def __call__(self, operands: Sequence[Labelled], out: tuple[Index, ...]) -> FloatArray:
        """The contraction over ``out``, rounded up."""
        every = dict.fromkeys(i for _, indices in operands for i in indices)
        terms = extent([i for i in every if i not in out], self._sizes)
        if len(operands) == 2 and terms >= 64 and extent(tuple(every), self._sizes) >= NARROW_FROM:
            found = self._in_float32(operands, out, terms)
            if found is not None:
                return found
        product = contract(operands, out, self._sizes)
        # (1 + u)^(terms + factors) < 1 + 2 u (terms + factors) for as many terms as fit in memory.
        slack = (1.0 + (terms + len(operands)) * 2.0**-52) * UP
        if len(operands) > 1 and product.flags.writeable:
            product *= slack
            return product
        return product * slack

    def _in_float32(
        self, operands: Sequence[Labelled], out: tuple[Index, ...], terms: int
    ) -> FloatArray | None:
        if terms > 2**16:
            return None
        (left, left_indices), (right, right_indices) = operands
        a, b = self._narrowed(left), self._narrowed(right)
        # No product underflows, so that what is zero stays zero and nothing else becomes it.
        if not a.least * b.least >= _NO_UNDERFLOW:
            return None
        product = contract(
            [(a.scaled, left_indices), (b.scaled, right_indices)],  # type: ignore[list-item]
            out,
            self._sizes,
        )
        # Each factor was rounded once, each product and sum at most ``terms`` times, and
        # (1 + 2^-24)^(terms + 2) < 1 + (terms + 4) 2^-24 (1 + 2^-7) for terms <= 2^16.
        slack = (1.0 + (terms + 4) * 2.0**-24 * (1.0 + 2.0**-7)) * UP
        return np.multiply(product, slack * 2.0 ** (a.exponent + b.exponent), dtype=np.float64)

    def _narrowed(self, array: FloatArray) -> _Narrow:
        _, known = self._kept.get(id(array), (array, []))
        if not known:
            known.append(_narrow(array))
        return known[0]


@dataclass(frozen=True, slots=True)
class _Narrow:
    """An array over 2^exponent in float32, its largest entry about 1.

    ``least`` is its least entry that is not zero; 0 where the array cannot be narrowed.
    """

    scaled: AnyFloat
    exponent: int
    least: float


def _narrow(array: FloatArray) -> _Narrow:
    greatest = float(array.max(initial=0.0))
    exponent = int(np.frexp(greatest)[1]) if np.isfinite(greatest) else 2**10
    if abs(exponent) > _NARROW_EXPONENT:
        return _Narrow(array, 0, 0.0)
    least = float(array.min(initial=np.inf))
    if least <= 0.0:
        least = float(np.min(array, where=array > 0.0, initial=np.inf))
    scale = 2.0**-exponent
    return _Narrow((array * scale).astype(np.float32), exponent, least * scale)
