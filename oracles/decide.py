"""Judging a result against the reference: right, wrong or undecided, entry by entry.

With R the reference, B_R its own radius, B the radius of an honest implementation and
D = |result - R|: D > B + B_R is wrong for certain, and D <= B - B_R is right for certain (the
result is within B of the exact value). In between, a sharper reference is asked for these entries
alone: compensated sums first, then whoever answers ``refine``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.oracles.formats import FORMATS, Format, format_of
from backproof.oracles.outcome import Answer, FloatArray, Question, Unavailable
from backproof.oracles.reference import Bounded
from backproof.oracles.uncertain import row_blocks

# The comparisons round: by this, relatively, a doubt goes to "undecided".
_DOUBT = 2.0**-50
# Of a result whose entries lie in between by the million, so many summands are looked at again.
SHARPEN_UP_TO = 2**23
REFINE_UP_TO = 2**12

Entries = tuple[NDArray[np.intp], ...]
Refine = Callable[[Question, str, Entries], Answer | Unavailable]


class State(IntEnum):
    """What is certain of an entry."""

    RIGHT = 0
    WRONG = 1
    UNDECIDED = 2


@dataclass(frozen=True, eq=False)
class Decision:
    """The states of a result's entries.

    Attributes:
        name: the tensor, or gradient.
        states: int8, of the result's shape, a ``State`` for each entry.
        result: the result as float64.
        bounded: what it was judged by; for a result in a narrower format than asked for, the
            radius of that one.
        notes: what a person should know, such as a narrower dtype or a tail's lost accuracy.
    """

    name: str
    states: NDArray[np.int8]
    result: FloatArray
    bounded: Bounded
    notes: tuple[str, ...] = ()

    def count(self, state: State) -> int:
        """How many entries are in a state."""
        return int(np.count_nonzero(self.states == state))

    @property
    def verdict(self) -> State:
        """Wrong if any entry is; else undecided if any is; else right."""
        if self.states.size == 0:
            return State.RIGHT
        if (self.states == State.WRONG).any():
            return State.WRONG
        return State(int(self.states.max()))

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Where the result is wrong for certain."""
        return np.asarray(self.states == State.WRONG)


@dataclass(frozen=True, slots=True)
class Worst:
    """The entry that is worst for its bound.

    Attributes:
        index: of the entry.
        got: the result's value.
        expected: the reference's.
        bound: how far apart the two may be: the radius plus the reference's own.
        ratio: |got - expected| / bound; infinite where a value is not finite that should be, or
            where nothing but the exact value is right.
    """

    index: tuple[int, ...]
    got: float
    expected: float
    bound: float
    ratio: float


def decide(
    result: Any,
    bounded: Bounded,
    fmt: Format | str | None = None,
    *,
    question: Question | None = None,
    refine: Refine | None = None,
) -> Decision:
    """Judge a result, entry by entry; -0.0 and 0.0 are the same.

    Args:
        result: an array of the tensor's shape, of a floating or integer dtype.
        bounded: the reference.
        fmt: the format that was asked for; that of ``bounded`` unless given.
        question: what ``refine`` is to answer.
        refine: asked last, with the question, the name and the entries (a tuple of index arrays)
            that are still undecided; answers with values and radii at these entries, of shape
            (k,), in their order.

    Raises:
        ValueError: the result has another shape than the tensor.
        TypeError: the result's dtype holds no real numbers.
    """
    array = np.asarray(result)
    if array.shape != bounded.value.shape:
        raise ValueError(
            f"{bounded.name} has shape {bounded.value.shape}, the result {array.shape}"
        )
    asked = bounded.fmt if fmt is None else format_of(fmt)
    bounded, notes = _format_to_judge_by(array, bounded, asked)
    judged = bounded if array.ndim else _with_an_axis(bounded)
    exact, beyond = _as_float64(array if array.ndim else array.reshape(1))
    states, lost = _compare(exact, beyond, judged)
    if lost:
        notes.append(f"tail accuracy lost in {lost} of {exact.size} entries")
    between = _between(states, exact, judged)
    if between[0].size and judged.sharper is not None:
        chosen = _first(between, SHARPEN_UP_TO // max(1, judged.summands))
        value, left, own = judged.sharper(chosen)
        states[chosen] = _again(exact[chosen], judged.radius[chosen], value, left, own)
        between = _between(states, exact, judged)
    # Where a kink made the reference a convention, another oracle may have chosen otherwise.
    if between[0].size:
        free = ~judged.hull[between]
        between = tuple(axis[free] for axis in between)
    if between[0].size and refine is not None:
        if question is None:
            raise ValueError("refine needs the question that it is to answer")
        chosen = _first(between, REFINE_UP_TO)
        answer = refine(question, bounded.name, chosen if array.ndim else ())
        if isinstance(answer, Answer):
            value = np.asarray(answer.values[bounded.name], np.float64).reshape(-1)
            own = np.asarray(answer.radii[bounded.name], np.float64).reshape(-1)
            nothing = np.zeros_like(value)
            states[chosen] = _again(exact[chosen], judged.radius[chosen], value, nothing, own)
    shape = array.shape
    return Decision(
        bounded.name, states.reshape(shape), exact.reshape(shape), bounded, tuple(notes)
    )


def worst(decision: Decision) -> Worst | None:
    """The entry that is worst relative to its bound; None for an empty result."""
    if decision.result.size == 0:
        return None
    bounded = decision.bounded
    with np.errstate(all="ignore"):
        distance = np.abs(decision.result - bounded.value)
        bound = bounded.radius + bounded.own
        ratio = np.where(distance == 0.0, 0.0, distance / bound)
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    ratio = np.where((decision.states == State.RIGHT) & ~np.isfinite(ratio), 0.0, ratio)
    ratio = np.where(decision.states == State.WRONG, np.maximum(ratio, 1.0), ratio)
    # Wrong entries first, then by how far they are out.
    order = np.where(decision.states == State.WRONG, 2, decision.states == State.RIGHT)
    ranked = np.where(order == order.max(), ratio, -1.0)
    index = np.unravel_index(int(np.argmax(ranked)), ranked.shape)
    return Worst(
        tuple(int(k) for k in index),
        float(decision.result[index]),
        float(bounded.value[index]),
        float(bound[index]),
        float(ratio[index]),
    )


def detection_limit(bounded: Bounded) -> float:
    """The smallest relative change of the reference's value in one entry that is surely caught.

    (B + B_R) / |R|, least over the entries where R is not 0; infinite where there is none.
    """
    with np.errstate(all="ignore"):
        limits = (bounded.radius + bounded.own) / np.abs(bounded.value)
    return float(np.fmin.reduce(limits, axis=None, initial=np.inf))


# ---------------------------------------------------------------- steps


def _format_to_judge_by(
    array: NDArray[Any], bounded: Bounded, asked: Format
) -> tuple[Bounded, list[str]]:
    name = array.dtype.name
    if name not in FORMATS and array.dtype.kind not in "fiub":
        raise TypeError(f"{bounded.name} has dtype {name}, which holds no real numbers")
    notes: list[str] = []
    target = asked
    if name in FORMATS and FORMATS[name].u > asked.u:
        target = replace(FORMATS[name], elementary=asked.elementary)
        notes.append(f"{name} where {asked.name} was asked for: judged as {name}")
    if target != bounded.fmt and bounded.in_format is not None:
        bounded = bounded.in_format(target)
    return bounded, notes


def _with_an_axis(bounded: Bounded) -> Bounded:
    """A scalar's reference as an array of one entry."""
    sharper = bounded.sharper
    arrays = ("value", "own", "radius", "overflow", "demanded", "hull", "tail")
    changes: dict[str, Any] = {name: getattr(bounded, name).reshape(1) for name in arrays}
    if bounded.peak is not None:
        changes["peak"] = bounded.peak.reshape(1)
    if sharper is not None:
        changes["sharper"] = lambda entries: sharper(())
    return replace(bounded, **changes)


def _as_float64(array: NDArray[Any]) -> tuple[FloatArray, FloatArray | None]:
    """The array as float64, and what that lost."""
    with np.errstate(all="ignore"):
        exact = array.astype(np.float64, copy=False)
        if array.dtype.itemsize <= 8 and array.dtype.kind not in "iu":
            return exact, None
        if array.dtype.kind in "iu" and array.dtype.itemsize <= 4:
            return exact, None
        return exact, np.abs((array.astype(np.longdouble) - exact).astype(np.float64))


def _compare(
    exact: FloatArray, beyond: FloatArray | None, judged: Bounded
) -> tuple[NDArray[np.int8], int]:
    """The states, and how many entries are saved by the tail's part of the radius alone."""
    states = np.zeros(exact.shape, np.int8)
    tailed = bool(any(judged.tail.strides) or _first_entry(judged.tail))
    lost = 0
    with np.errstate(all="ignore"):
        for part in row_blocks(exact.shape):
            distance = exact[part] - judged.value[part]
            np.abs(distance, out=distance)
            if beyond is not None:
                distance += beyond[part]
            radius, own = judged.radius[part], judged.own[part]
            furthest = distance * (1.0 + _DOUBT)
            furthest += own
            right = furthest <= radius
            if not np.isfinite(furthest.max(initial=0.0) + radius.max(initial=0.0)):
                right &= np.isfinite(furthest) & np.isfinite(radius)
            if not right.all():
                inside = np.nonzero(~right)
                rest = (inside[0] + part.start, *inside[1:])
                states[rest] = _of_rest(exact[rest], distance[inside], judged, rest)
            if tailed:
                without = radius - judged.tail[part]
                without += own
                saved = distance > without
                if saved.any():
                    lost += int(np.count_nonzero(saved & (states[part] != State.WRONG)))
    return states, lost


def _first_entry(array: FloatArray) -> float:
    return float(array.flat[0]) if array.size else 0.0


def _of_rest(
    exact: FloatArray, distance: FloatArray, judged: Bounded, rest: Entries
) -> NDArray[np.int8]:
    value, radius, own = judged.value[rest], judged.radius[rest], judged.own[rest]
    limit = (radius + own) * (1.0 + _DOUBT)
    states = np.full(exact.shape, State.UNDECIDED, np.int8)
    known = np.isfinite(radius) & np.isfinite(own)
    states[known & (distance > limit)] = State.WRONG
    # A value that is not finite is right only where it is demanded, forgiven only where the
    # format may overflow.
    bad = ~np.isfinite(exact)
    overflow = judged.overflow[rest]
    states[known & bad & ~overflow] = State.WRONG
    forgiven = known & bad & overflow
    if forgiven.any():
        states[forgiven] = _overflowed(exact, judged, rest, limit)[forgiven]
    demanded = judged.demanded[rest]
    same = (exact == value) | (np.isnan(exact) & np.isnan(value))
    states[demanded] = np.where(same, State.RIGHT, State.WRONG)[demanded]
    return states


def _overflowed(
    exact: FloatArray, judged: Bounded, rest: Entries, limit: FloatArray
) -> NDArray[np.int8]:
    """The states of values that are not finite where the format may overflow.

    Summands of one sign overflow towards it; NaN takes summands of both signs that do. Where only
    one sign can, the other infinity and NaN are wrong.
    """
    states = np.full(exact.shape, State.UNDECIDED, np.int8)
    value, largest = judged.value[rest], judged.fmt.largest
    surely = (np.abs(value) - limit > largest) & (exact == np.copysign(np.inf, value))
    states[surely] = State.RIGHT
    if judged.peak is not None:
        peak = judged.peak[rest]
        above = 0.5 * (peak + value) + limit > largest
        below = 0.5 * (peak - value) + limit > largest
        impossible = np.where(
            np.isnan(exact), ~(above & below), np.where(exact > 0.0, ~above, ~below)
        )
        states[impossible & np.isfinite(value)] = State.WRONG
    return states


def _between(states: NDArray[np.int8], exact: FloatArray, judged: Bounded) -> Entries:
    """The undecided entries of which a sharper reference could decide."""
    undecided = states == State.UNDECIDED
    if undecided.any():
        undecided &= np.isfinite(exact) & np.isfinite(judged.radius) & np.isfinite(judged.value)
    return np.nonzero(undecided)


def _first(entries: Entries, number: int) -> Entries:
    return tuple(e[: max(1, number)] for e in entries)


def _again(
    exact: FloatArray, radius: FloatArray, value: FloatArray, left: FloatArray, own: FloatArray
) -> NDArray[np.int8]:
    with np.errstate(all="ignore"):
        # Near each other, the first difference is exact, and the second rounds it once.
        distance = np.abs((exact - value) - left)
        wrong = distance > (radius + own) * (1.0 + _DOUBT)
        right = distance * (1.0 + _DOUBT) + own <= radius
    return np.where(wrong, State.WRONG, np.where(right, State.RIGHT, State.UNDECIDED)).astype(
        np.int8
    )
