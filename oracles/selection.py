"""Entries that are picked, and nothing computed: affine positions, deltas, broadcasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.oracles.matching import settled_place
from backproof.oracles.products import BoolArray, Sizes, aligned, full
from backproof.oracles.uncertain import Uncertain
from backproof.spec.plan import ArrayForm, Einsum, Identity, Matched, ProductOver, Scalar, Total
from backproof.spec.terms import MINUS_ONE, ONE, Index, Match

Operand = tuple[Uncertain, tuple[Index, ...]]
# What an array's entries carry with them when they are moved.
_CARRIED = ("own", "spread", "unsure", "demanded", "overflow", "hull", "bulk_or_none")


def _places(indices: tuple[Index, ...], sizes: Sizes) -> dict[Index, Any]:
    """The positions along each index, in its own dimension."""
    return dict(zip(indices, np.ogrid[tuple(slice(sizes[i.axis]) for i in indices)], strict=True))


def matched(form: Matched, sizes: Sizes) -> Uncertain:
    """A match as an array of zeros and ones."""
    node, at = form.match, _places(form.indices, sizes)
    reached: Any = node.offset
    for index, factor in node.parts:
        reached = reached + factor * at[index]
    found = np.asarray(at[node.left] == reached, np.float64)
    return Uncertain(full(found, form.indices, sizes))


def gathered(operand: Operand, node: Match, index: Index, sizes: Sizes) -> Operand:
    """An operand of a sum over an index that a match settles: its entries at that place.

    Where there is no such place the entry is 0, as the sum over nothing is.
    """
    array, before = operand
    others = [i for i in (node.left, *(part for part, _ in node.parts)) if i != index]
    after = tuple(dict.fromkeys((*(i for i in before if i != index), *others)))
    at = _places(after, sizes)
    place, inside = settled_place(node, index, at, sizes[index.axis])
    at[index] = np.where(inside, place, 0)
    picked = tuple(at[i] for i in before)

    def take(entries: np.ndarray | None) -> np.ndarray | None:
        if entries is None:
            return None
        if not entries.size:
            return np.zeros(tuple(sizes[i.axis] for i in after), entries.dtype)
        found = np.where(inside, entries[picked], np.zeros((), entries.dtype))
        return np.array(full(found, after, sizes))

    return _moved(array, take), after


def settled_mask(node: Match, index: Index, sizes: Sizes) -> Operand:
    """The sum of a match alone over an index that it settles: whether there is a place."""
    return gathered((Uncertain(np.ones(sizes[index.axis])), (index,)), node, index, sizes)


def spread_over(
    array: Uncertain, indices: tuple[Index, ...], out: tuple[Index, ...], sizes: Sizes
) -> Uncertain:
    """An array over more indices, along which it is constant."""
    if indices == out:
        return array
    return _moved(
        array, lambda a: None if a is None else np.array(full(aligned(a, indices, out), out, sizes))
    )


def _moved(array: Uncertain, move: Any) -> Uncertain:
    result = Uncertain(move(array.value), given=array.given)
    result.content, result.largest = array.content, array.largest
    for name in _CARRIED:
        setattr(result, name, move(getattr(array, name)))
    return result


def diagonal(indices: tuple[Index, ...], pair: tuple[Index, Index], sizes: Sizes) -> BoolArray:
    """Where two indices agree, in an array over some indices."""
    at = _places(indices, sizes)
    return np.array(full(at[pair[0]] == at[pair[1]], indices, sizes))


@dataclass(frozen=True, slots=True)
class WithoutOne:
    """A product over an index of all factors but the one at ``index``.

    Attributes:
        index: of the position that is left out.
        argument: the factors.
    """

    index: Index
    argument: ArrayForm


def without_one(form: ProductOver) -> WithoutOne | None:
    """A product of ``delta + (1 - delta)*x``, in which one factor is replaced by 1; else None."""
    argument = form.argument
    if not isinstance(argument, Total) or len(argument.parts) != 2:
        return None
    here, rest = argument.parts
    if not isinstance(here, Identity) or form.over not in here.indices:
        return None
    if not isinstance(rest, Einsum) or rest.summed:
        return None
    elsewhere = [k for k, o in enumerate(rest.operands) if _is_complement(o, here)]
    if len(elsewhere) != 1:
        return None
    (index,) = (i for i in here.indices if i != form.over)
    operands = tuple(o for k, o in enumerate(rest.operands) if k != elsewhere[0])
    return WithoutOne(index, Einsum(operands, argument.indices, rest.coefficient))


def _is_complement(form: ArrayForm, here: Identity) -> bool:
    """Whether a form is 1 minus a delta."""
    if not isinstance(form, Total) or len(form.parts) != 2:
        return False
    one, minus = form.parts
    return (
        isinstance(one, Scalar)
        and one.term is ONE
        and isinstance(minus, Einsum)
        and minus.coefficient is MINUS_ONE
        and not minus.summed
        and len(minus.operands) == 1
        and isinstance(minus.operands[0], Identity)
        and set(minus.operands[0].indices) == set(here.indices)
    )


def picked(
    operands: Sequence[Operand], settled: Sequence[tuple[int, Match, Index]], sizes: Sizes
) -> list[Operand]:
    """The operands of a contraction with every settled match carried out.

    Args:
        operands: of the contraction.
        settled: the number of a match among the operands, the match and the index it settles.
        sizes: of each axis.
    """
    found: dict[int, Operand] = dict(enumerate(operands))
    for number, node, index in settled:
        del found[number]
        users = [k for k, (_, indices) in found.items() if index in indices]
        for k in users:
            found[k] = gathered(found[k], node, index, sizes)
        if not users:
            found[number] = settled_mask(node, index, sizes)
    return list(found.values())
