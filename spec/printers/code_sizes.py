"""How long an axis is, in code: a number, a dimension of an array, or worked out from others.

An affine position says how its axes go together: where X[n,t+k] is taken, the axis of t is
``X.shape[1] - K.shape[0] + 1`` long. Where an axis is part of several positions, it is as long as
all of them allow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backproof.spec.errors import SpecError
from backproof.spec.program import Program
from backproof.spec.terms import Match

# An array by its identifier, with the axes of its dimensions.
Shaped = tuple[str, tuple[str, ...]]


@dataclass
class AxisSizes:
    """The sizes of the axes of a program.

    Attributes:
        program: whose axes they are.
        names: the variable for the size of an axis; without one, the size is written out where it
            is used.
        used: the axes whose variables the code so far uses.
    """

    program: Program
    names: Mapping[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def size(self, axis: str, arrays: Sequence[Shaped]) -> str:
        """The size of an axis: of an array where one has it, else worked out.

        Raises:
            SpecError: it follows from no shape.
        """
        return self._plain(axis, arrays) or self.variable(axis, arrays)

    def variable(self, axis: str, arrays: Sequence[Shaped]) -> str:
        """The size of an axis as a number or a variable; without variables, as ``size``.

        Raises:
            SpecError: it follows from no shape.
        """
        if self._fixed(axis):
            return self._fixed(axis)
        if axis in self.names:
            self.used.add(axis)
            return self.names[axis]
        plain = self._plain(axis, arrays)
        if plain:
            return plain
        found = self._worked_out(arrays).get(axis)
        if found is None:
            raise _unknown(axis)
        return found

    def definitions(self, arrays: Sequence[Shaped]) -> list[str]:
        """An assignment for each variable that is used, and for those that these need.

        Raises:
            SpecError: the size of an axis follows from no shape.
        """
        plain = {axis: self._plain(axis, arrays) for axis in sorted(self.used)}
        found = {a: text for a, text in plain.items() if text} | self._worked_out(arrays)
        for axis in sorted(self.used):
            if axis not in found:
                raise _unknown(axis)
        lines: list[str] = []
        needed = {self.names[axis] for axis in self.used}
        # What was worked out later may use what was worked out before.
        for axis, text in reversed(found.items()):
            name = self.names[axis]
            if name in needed:
                lines.insert(0, f"{name} = {text}")
                needed |= set(re.findall(r"\w+", text))
        return lines

    def _fixed(self, axis: str) -> str:
        known = self.program.axes.get(axis)
        return "" if known is None or known.size is None else str(known.size)

    def _plain(self, axis: str, arrays: Sequence[Shaped]) -> str:
        if self._fixed(axis):
            return self._fixed(axis)
        for name, axes in arrays:
            if axis in axes:
                return f"{name}.shape[{axes.index(axis)}]"
        return ""

    def _worked_out(self, arrays: Sequence[Shaped]) -> dict[str, str]:
        """The sizes that no array has, each from arrays and from those above it."""
        every = self.program.axes
        known = {axis: text for axis in every if (text := self._plain(axis, arrays))}
        found: dict[str, str] = {}
        while True:
            left = (axis for axis in every if axis not in known)
            more = {axis: text for axis in left if (text := self._from_others(axis, known))}
            if not more:
                return found
            found |= more
            known |= {axis: self.names.get(axis, text) for axis, text in more.items()}

    def _from_others(self, axis: str, known: Mapping[str, str]) -> str:
        """The size of an axis from the known ones; empty where they do not say it."""
        positions = self.program.positions
        inside = (p for p in positions if axis in _axes(p) and p.left.axis != axis)
        fitting = {text for p in inside if (text := _part(p, axis, known))}
        if fitting:
            return _one(sorted(fitting), "min")
        reached = {_reach(p, known) for p in positions if p.left.axis == axis}
        return _one(sorted(reached), "max") if reached and all(reached) else ""


def _unknown(axis: str) -> SpecError:
    return SpecError(
        f"no array that the code is given has the axis '{axis}', so its size is unknown",
        help="the equations are right, but they cannot be printed as code",
    )


def _axes(position: Match) -> dict[str, int]:
    """The axes of the parts of a position, each with the sum of its factors."""
    found: dict[str, int] = {}
    for index, factor in position.parts:
        found[index.axis] = found.get(index.axis, 0) + factor
    return found


def _part(position: Match, axis: str, known: Mapping[str, str]) -> str:
    """The largest size of a part's axis with which the position stays on its own axis."""
    factors = _axes(position)
    step = factors.pop(axis)
    if not {position.left.axis, *factors} <= set(known):
        return ""
    terms = [(1, known[position.left.axis]), *((-f, known[other]) for other, f in factors.items())]
    constant = sum(factors.values()) - position.offset - 1
    if step == 1:
        return _linear(terms, constant + 1)
    return f"{_held(_linear(terms, constant))} // {step} + 1"


def _reach(position: Match, known: Mapping[str, str]) -> str:
    """The size that an axis needs for a position on it."""
    factors = _axes(position)
    if not set(factors) <= set(known):
        return ""
    terms = [(factor, known[axis]) for axis, factor in factors.items()]
    return _linear(terms, position.offset + 1 - sum(factors.values()))


def _linear(terms: Sequence[tuple[int, str]], constant: int) -> str:
    """A sum of sizes, each times its factor, and a constant."""
    written = ""
    for factor, text in terms:
        if text.isdigit():
            constant += factor * int(text)
            continue
        held = _held(text)
        written += _signed(f"{abs(factor)} * {held}" if abs(factor) != 1 else held, factor, written)
    if constant or not written:
        written += _signed(str(abs(constant)), constant, written)
    return written


def _signed(text: str, sign: int, before: str) -> str:
    if not before:
        return f"-{text}" if sign < 0 else text
    return f" {'-' if sign < 0 else '+'} {text}"


def _held(text: str) -> str:
    return f"({text})" if " " in text else text


def _one(texts: Sequence[str], operator: str) -> str:
    return texts[0] if len(texts) == 1 else f"{operator}({', '.join(texts)})"
