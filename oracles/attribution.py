"""Who stands alone when oracles contradict each other; a fault of one is never put on the layer.

Two answers agree on an entry where their intervals intersect. What an oracle cannot say (a radius
of inf) contradicts nobody and confirms nobody. Oracles that evaluate the same derived formula are
one voice about it: they may stand alone together, and then the formula does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from backproof.oracles.outcome import Answer, FloatArray, Unavailable
from backproof.oracles.registry import FORMULA, REGISTERED

Mask = NDArray[np.bool_]


class Standing(StrEnum):
    """How the oracles stand to each other on one quantity."""

    AGREED = "agreed"
    ALONE = "alone"
    SPLIT = "split"
    SINGLE = "single"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two oracles whose intervals do not intersect.

    Attributes:
        left, right: the two, by name.
        entries: at how many entries.
        place: the first such entry, or None where already the shapes differ.
        shapes: the two shapes.
        values: the two values at that entry.
        radii: the two radii at that entry.
    """

    left: str
    right: str
    entries: int
    place: tuple[int, ...] | None
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    values: tuple[float, float] | None = None
    radii: tuple[float, float] | None = None

    @property
    def sentence(self) -> str:
        """The two numbers, or the two shapes, side by side."""
        if self.values is None or self.radii is None or self.place is None:
            return f"{self.left} gives shape {self.shapes[0]}, {self.right} {self.shapes[1]}"
        where = f" at {list(self.place)}" if self.place else ""
        return (
            f"{self.left} gives {self.values[0]!r} ± {self.radii[0]:.1e}{where}, "
            f"{self.right} {self.values[1]!r} ± {self.radii[1]:.1e}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How the oracles stand to each other on one quantity.

    Attributes:
        quantity: such as dW.
        standing: all that speak agree; one stands alone against the others, who agree; they are
            split with nobody to single out; only one speaks; or none does.
        speaking: the oracles that say something about at least one entry.
        alone: who stands alone: an oracle, or what several of them rest on ("formula"); else
            empty.
        accused: the oracles that this means, one unless ``alone`` is what they share.
        conflicts: each pair that contradicts each other.
    """

    quantity: str
    standing: Standing
    speaking: tuple[str, ...]
    alone: str = ""
    accused: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def disputed(self) -> bool:
        """Whether the layer can get no verdict on this quantity."""
        return self.standing in (Standing.ALONE, Standing.SPLIT)

    def agree(self, left: str, right: str) -> bool:
        """Whether two of the oracles that speak do not contradict each other."""
        return all({c.left, c.right} != {left, right} for c in self.conflicts)

    @property
    def sentence(self) -> str:
        """For a report: who says what about this quantity."""
        if self.standing is Standing.SILENT:
            return f"{self.quantity}: no oracle can say"
        if self.standing is Standing.SINGLE:
            return f"{self.quantity}: only {self.speaking[0]} speaks"
        if self.standing is Standing.AGREED:
            return f"{self.quantity}: {_listed(self.speaking)} agree"
        if self.standing is Standing.SPLIT:
            return f"{self.quantity}: the oracles are split; {self.conflicts[0].sentence}"
        others = tuple(name for name in self.speaking if name not in self.accused)
        detail = next(c for c in self.conflicts if {c.left, c.right} & set(self.accused)).sentence
        return (
            f"{self.quantity}: {_named(self.alone, self.accused)} against {_listed(others)}; "
            f"{detail}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """How the oracles stand to each other, quantity by quantity.

    Attributes:
        agreements: by quantity, in the order of the answers.
        unavailable: why each oracle that gave no answer gave none, by its name.
    """

    agreements: Mapping[str, Agreement]
    unavailable: Mapping[str, str]

    @property
    def disputed(self) -> tuple[str, ...]:
        """The quantities on which the oracles contradict each other: no verdict on the layer."""
        return tuple(name for name, a in self.agreements.items() if a.disputed)

    @property
    def alone(self) -> str:
        """Who stands alone on every disputed quantity; empty when it is not one and the same."""
        names = {a.alone for a in self.agreements.values() if a.disputed}
        return names.pop() if len(names) == 1 else ""

    @property
    def sentence(self) -> str:
        """For a report, in one or two sentences."""
        if not self.disputed:
            speaking = dict.fromkeys(n for a in self.agreements.values() for n in a.speaking)
            if not speaking:
                return "No oracle can say anything here."
            if len(speaking) == 1:
                return f"Only {next(iter(speaking))} can say anything here."
            return f"{_listed(tuple(speaking))} agree on {_listed(tuple(self.agreements))}."
        closing = f"No verdict on the layer follows for {_listed(self.disputed)}."
        if self.alone:
            first = self.agreements[self.disputed[0]]
            return (
                f"{_named(self.alone, first.accused)} on {_listed(self.disputed)}: "
                f"{_meaning(self.alone)} ({first.sentence}). {closing}"
            )
        details = "; ".join(self.agreements[name].sentence for name in self.disputed)
        return f"The oracles contradict each other: {details}. {closing}"


def attribute(answers: Sequence[Answer | Unavailable]) -> Attribution:
    """Compare the answers to one question, quantity by quantity.

    An oracle stands alone where, at every entry in dispute, the others that speak agree without
    it, are two independent voices at least, and where this is true of nobody else. Where it is
    true of no single oracle, those that rest on the same formula are tried together. On a line,
    intervals that intersect pairwise have a point in common (Helly), so that those who agree
    pairwise can all be right at once.

    Args:
        answers: of distinct oracles; an Unavailable takes no part, but is remembered.

    Raises:
        ValueError: two answers bear the same name.
    """
    names = [answer.oracle for answer in answers]
    if len(set(names)) < len(names):
        raise ValueError(f"each oracle answers once, found {', '.join(names)}")
    given = [answer for answer in answers if isinstance(answer, Answer)]
    quantities = dict.fromkeys(name for answer in given for name in answer.values)
    return Attribution(
        agreements={
            name: _agreement(name, [a for a in given if name in a.values]) for name in quantities
        },
        unavailable={a.oracle: a.reason for a in answers if isinstance(a, Unavailable)},
    )


def _agreement(quantity: str, answers: Sequence[Answer]) -> Agreement:
    speaking = [a for a in answers if _known(a, quantity).any() or not a.values[quantity].size]
    names = tuple(a.oracle for a in speaking)
    if len(speaking) < 2:
        standing = Standing.SINGLE if speaking else Standing.SILENT
        return Agreement(quantity=quantity, standing=standing, speaking=names)
    conflicts = tuple(
        conflict
        for left, right in combinations(speaking, 2)
        if (conflict := _conflict(quantity, left, right)) is not None
    )
    if not conflicts:
        return Agreement(quantity=quantity, standing=Standing.AGREED, speaking=names)
    alone, accused = _lonely(quantity, speaking)
    return Agreement(
        quantity=quantity,
        standing=Standing.ALONE if alone else Standing.SPLIT,
        speaking=names,
        alone=alone,
        accused=accused,
        conflicts=conflicts,
    )


def _known(answer: Answer, quantity: str) -> Mask:
    known: Mask = np.isfinite(answer.radii[quantity])
    return known


def _clashes(quantity: str, left: Answer, right: Answer) -> Mask:
    """Where both speak and their intervals have no point in common."""
    both = _known(left, quantity) & _known(right, quantity)
    apart = (left.lower(quantity) > right.upper(quantity)) | (
        right.lower(quantity) > left.upper(quantity)
    )
    # A value that is no number is no interval around anything.
    broken = np.isnan(left.values[quantity]) != np.isnan(right.values[quantity])
    clashes: Mask = both & (apart | broken)
    return clashes


def _conflict(quantity: str, left: Answer, right: Answer) -> Conflict | None:
    shapes = (left.values[quantity].shape, right.values[quantity].shape)
    if shapes[0] != shapes[1]:
        return Conflict(left=left.oracle, right=right.oracle, entries=0, place=None, shapes=shapes)
    clashes = _clashes(quantity, left, right)
    if not clashes.any():
        return None
    place = tuple(int(k) for k in np.argwhere(clashes)[0])
    return Conflict(
        left=left.oracle,
        right=right.oracle,
        entries=int(clashes.sum()),
        place=place,
        shapes=shapes,
        values=(_at(left.values[quantity], place), _at(right.values[quantity], place)),
        radii=(_at(left.radii[quantity], place), _at(right.radii[quantity], place)),
    )


def _at(array: FloatArray, place: tuple[int, ...]) -> float:
    return float(array[place])


def _lonely(quantity: str, speaking: Sequence[Answer]) -> tuple[str, tuple[str, ...]]:
    """Who stands alone, and the oracles that this means; empty when nobody can be singled out."""
    singles = {a.oracle: (a.oracle,) for a in speaking}
    shared: dict[str, tuple[str, ...]] = {}
    for answer in speaking:
        ground = voice(answer.oracle)
        if ground != answer.oracle:
            shared[ground] = (*shared.get(ground, ()), answer.oracle)
    groups = {ground: members for ground, members in shared.items() if len(members) > 1}
    for candidates in (singles, groups):
        found = [
            (name, members)
            for name, members in candidates.items()
            if _explains(quantity, speaking, members)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            break
    return "", ()


def _explains(quantity: str, speaking: Sequence[Answer], accused: tuple[str, ...]) -> bool:
    """Whether the others agree, two independent voices of them, wherever there is a dispute."""
    others = [a for a in speaking if a.oracle not in accused]
    if len({voice(a.oracle) for a in others}) < 2:
        return False
    if len({a.values[quantity].shape for a in others}) > 1:
        return False
    alike = [a for a in speaking if a.values[quantity].shape == others[0].values[quantity].shape]
    if any(_clashes(quantity, a, b).any() for a, b in combinations(others, 2)):
        return False
    disputed = np.logical_or.reduce([_clashes(quantity, a, b) for a, b in combinations(alike, 2)])
    heard = {voice(a.oracle): np.zeros_like(disputed) for a in others}
    for answer in others:
        heard[voice(answer.oracle)] |= _known(answer, quantity)
    voices = np.sum(list(heard.values()), axis=0)
    return bool(np.all(~disputed | (voices >= 2)))


def voice(oracle: str) -> str:
    """What an oracle rests on and shares with others; for one that shares nothing, itself."""
    known = REGISTERED.get(oracle)
    return known.rests_on or oracle if known is not None else oracle


def _meaning(alone: str) -> str:
    if alone == FORMULA:
        return "a fault of the derivation"
    known = REGISTERED.get(alone)
    return known.alone if known is not None else f"a fault of {alone}"


def _named(alone: str, accused: tuple[str, ...]) -> str:
    if accused == (alone,):
        return f"{alone} stands alone"
    return f"the {alone} that {_listed(accused)} evaluate stands alone"


def _listed(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
