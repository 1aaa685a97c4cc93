"""The smallest case for which the two sides of a claim differ, in exact arithmetic."""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from typing import Any

from backproof.spec.claims import Claim
from backproof.spec.expand import expand
from backproof.spec.functions import is_abstract
from backproof.spec.normal import TooLargeError, normalise
from backproof.spec.numbers import Balls, Rationals
from backproof.spec.pointwise import Evaluation, NoValueError, Numbers
from backproof.spec.program import Assumption
from backproof.spec.terms import Apply, Entry, Index, Power, Size, indices_in, walk

Point = dict[tuple[str, tuple[int, ...]], Fraction]
Fill = Callable[[str, int, tuple[int, ...], int], Fraction]
Stand = dict[str, tuple[str, tuple[int, ...]]]
LARGEST_SIZE = 3
# With so many axes not all sizes are tried.
MOST_AXES = 8


@dataclass(frozen=True)
class Witness:
    """Sizes and inputs for which the sides differ.

    Attributes:
        sizes: of each axis.
        inputs: nested lists of rationals, by name.
        functions: what the abstract functions were taken to be, such as ``z^2``.
        position: the entry at which the sides differ, counted from 0.
        left: the left side there, exact or as an enclosure.
        right: the right side there.
        left_array: the whole left side, where it is rational.
        right_array: the whole right side, where it is rational.
    """

    sizes: Mapping[str, int]
    inputs: Mapping[str, Any]
    functions: Mapping[str, str]
    position: tuple[int, ...]
    left: str
    right: str
    left_array: Any = None
    right_array: Any = None


def _polynomial(coefficients: tuple[int, ...], numbers: Numbers[Any]) -> Callable[[int, Any], Any]:
    """The derivative of a given order of a polynomial, coefficients from the constant up."""

    def value(order: int, z: Any) -> Any:
        result = numbers.number(Fraction(0))
        for power_, coefficient in enumerate(coefficients):
            if power_ < order:
                continue
            factor = Fraction(coefficient)
            for k in range(order):
                factor *= power_ - k
            term = numbers.mul(numbers.number(factor), numbers.power(z, Fraction(power_ - order)))
            result = numbers.add(result, term)
        return result

    return value


def _few_sizes(axes: int) -> list[tuple[int, ...]]:
    """All ones, all twos, and each axis by itself of another size than the rest."""
    found = [(1,) * axes, (2,) * axes]
    for k in range(axes):
        for one, rest in ((2, 1), (1, 2)):
            found.append((rest,) * k + (one,) + (rest,) * (axes - k - 1))
    return found


# What an abstract function may stand for.
_STANDS = (("z^2", (0, 0, 1)), ("z^3", (0, 0, 0, 1)), ("z^2 + z", (0, 1, 1)))


def find_witness(claim: Claim, seconds: float = 5.0, trials: int | None = None) -> Witness | None:
    """The first case that differs, sizes and then numbers from small to large; None if none did.

    Deterministic, apart from the limit of time.

    Args:
        claim: what is claimed.
        seconds: how long to look.
        trials: how many cases to try at most.
    """
    if claim.left is None or claim.right is None:
        return None
    return _Search(claim, time.monotonic() + seconds).run(trials)


class _Search:
    def __init__(self, claim: Claim, until: float) -> None:
        self.claim = claim
        self.until = until
        self.program = claim.derivation.program
        self.used = {i.axis for i in claim.indices}
        self.partial = self._partial()
        self.given = self._needed()
        self.axes = sorted({*self.program.axes, *self.used})
        self.assumptions = [a for a in self.program.assumptions if not self._proved(a)]
        self.merged = {right: left for left, right in claim.merged}

    def _partial(self) -> list[str]:
        """The tensors whose statements have logarithms, roots or denominators."""
        return [
            s.target.tensor
            for s in self.program.statements
            if any(
                (isinstance(n, Apply) and n.function in ("log", "sqrt"))
                or (isinstance(n, Power) and (n.exponent < 0 or n.exponent.denominator != 1))
                for n in walk(s.value)
                if not isinstance(n, Power) or any(isinstance(x, Entry) for x in walk(n))
            )
        ]

    def _needed(self) -> dict[str, tuple[str, ...]]:
        """The inputs and upstream gradients that the two sides depend on, with their axes."""
        assert self.claim.left is not None
        assert self.claim.right is not None
        derivation = self.claim.derivation
        found: dict[str, tuple[str, ...]] = {}
        self.functions: set[str] = set()
        pending = [self.claim.left, self.claim.right]
        pending += [side for a in self.program.assumptions for side in (a.left, a.right)]
        pending += [s.value for s in self.program.statements if s.target.tensor in self.partial]
        seen = set()
        while pending:
            term = pending.pop()
            self.used |= {i.axis for i in indices_in(term)}
            for node in walk(term):
                if isinstance(node, Size):
                    self.used.add(node.axis)
                if isinstance(node, Apply) and node.function in self._abstract():
                    self.functions.add(node.function)
                if isinstance(node, Entry) and node.tensor not in seen:
                    seen.add(node.tensor)
                    definition = derivation.definition(node.tensor)
                    if definition is None:
                        found[node.tensor] = tuple(i.axis for i in node.indices)
                    else:
                        pending.append(definition[1])
        return found

    def _abstract(self) -> set[str]:
        names = set(self.program.functions)
        assert self.claim.left is not None
        assert self.claim.right is not None
        for side in (self.claim.left, self.claim.right):
            names |= {
                n.function for n in walk(side) if isinstance(n, Apply) and is_abstract(n.function)
            }
        return names

    def _proved(self, assumption: Assumption) -> bool:
        """Whether an assumption holds at every point and need not be looked after."""
        derivation = self.claim.derivation
        if not assumption.is_equation:
            return False
        try:
            sides = [
                normalise(expand(derivation, side)) for side in (assumption.left, assumption.right)
            ]
        except (TooLargeError, ArithmeticError, ValueError):
            return False
        return sides[0] == sides[1]

    # -- candidates

    def run(self, trials: int | None = None) -> Witness | None:
        for sizes, fill, stand in islice(self._cases(), trials):
            if time.monotonic() > self.until:
                return None
            point = self._point(sizes, fill)
            if self.differs(sizes, point, stand) is not None:
                return self._simplest(sizes, point, stand)
        return None

    def _cases(self) -> Iterator[tuple[dict[str, int], Fill, Stand]]:
        for sizes in self._sizes():
            for fill in _FILLS:
                for stand in self._stands():
                    yield sizes, fill, stand

    def _sizes(self) -> Iterator[dict[str, int]]:
        free = [a for a in self.axes if a in self._roots()]
        every = sorted(
            product(range(1, LARGEST_SIZE + 1), repeat=len(free))
            if len(free) < MOST_AXES
            else _few_sizes(len(free)),
            key=lambda s: (sum(s), max(s, default=0), s),
        )
        seen: list[dict[str, int]] = []
        for sizes in every:
            chosen = dict(zip(free, sizes, strict=True))
            found = {axis: chosen.get(self._root(axis), 1) for axis in self.axes}
            found = self.program.consistent(found)
            if found not in seen:
                seen.append(found)
                yield found

    def _root(self, axis: str) -> str:
        while axis in self.merged:
            axis = self.merged[axis]
        return axis

    def _roots(self) -> set[str]:
        return {self._root(axis) for axis in self.used}

    def _stands(self) -> Iterator[Stand]:
        names = sorted(self.functions)
        for shift in range(len(_STANDS) if names else 1):
            yield {f: _STANDS[(k + shift) % len(_STANDS)] for k, f in enumerate(names)}

    def _point(self, sizes: Mapping[str, int], fill: Fill) -> Point:
        point: Point = {}
        for number_, (name, axes) in enumerate(sorted(self.given.items())):
            shape = [sizes[a] for a in axes]
            for k, position in enumerate(product(*map(range, shape))):
                point[name, position] = fill(name, number_, position, k)
        return point

    # -- evaluation

    def differs(
        self, sizes: Mapping[str, int], point: Point, stand: Mapping[str, Any]
    ) -> tuple[int, ...] | None:
        """The first position at which the sides surely differ at a point."""
        for numbers in (Rationals(), Balls()):
            try:
                left, right = self._sides(sizes, point, stand, numbers)
            except (NoValueError, RecursionError):
                continue
            with _Precision(numbers):
                for position, value in left.items():
                    if isinstance(numbers, Rationals):
                        if value != right[position]:
                            return position
                    elif not (value - right[position]).contains(0):
                        return position
            return None
        return None

    def _sides(
        self,
        sizes: Mapping[str, int],
        point: Point,
        stand: Mapping[str, tuple[str, tuple[int, ...]]],
        numbers: Numbers[Any],
    ) -> tuple[dict[tuple[int, ...], Any], dict[tuple[int, ...], Any]]:
        assert self.claim.left is not None
        assert self.claim.right is not None
        for assumption in self.assumptions:
            # Exactly, or not at all: a ball around a difference can't say that it is zero.
            if not self._holds(assumption, self._evaluation(sizes, point, stand, Rationals())):
                raise NoValueError("an assumption does not hold here")
        with _Precision(numbers):
            evaluation = self._evaluation(sizes, point, stand, numbers)
            sides: tuple[dict[tuple[int, ...], Any], dict[tuple[int, ...], Any]] = ({}, {})
            ranges = [range(sizes[i.axis]) for i in self.claim.indices]
            for position in product(*ranges):
                at = dict(zip(self.claim.indices, position, strict=True))
                sides[0][position] = evaluation.term(self.claim.left, at)
                sides[1][position] = evaluation.term(self.claim.right, at)
            self._check_domain(evaluation)
        return sides

    def _check_domain(self, evaluation: Evaluation[Any]) -> None:
        """Where the layer itself has no value, a difference of its gradients says nothing.

        Raises:
            NoValueError: a statement that is not defined everywhere has no value here.
        """
        for tensor in self.partial:
            shape = self.program.shape(tensor, evaluation.sizes)
            for position in product(*map(range, shape)):
                evaluation.entry(tensor, position)

    def _evaluation(
        self,
        sizes: Mapping[str, int],
        point: Point,
        stand: Mapping[str, tuple[str, tuple[int, ...]]],
        numbers: Numbers[Any],
    ) -> Evaluation[Any]:
        evaluation = _Timed(
            self.claim.derivation,
            numbers,
            sizes,
            lambda name, position: numbers.number(point[name, position]),
            {f: _polynomial(c, numbers) for f, (_, c) in stand.items()},
        )
        evaluation.until = self.until
        return evaluation

    def _holds(self, assumption: Assumption, evaluation: Evaluation[Fraction]) -> bool:
        free = sorted(assumption.left.free | assumption.right.free)
        for position in product(*(range(evaluation.sizes[i.axis]) for i in free)):
            at = dict(zip(free, position, strict=True))
            left, right = (evaluation.term(x, at) for x in (assumption.left, assumption.right))
            if not _RELATIONS[assumption.relation](left, right):
                return False
        return True

    # -- presentation

    def _simplest(
        self, sizes: Mapping[str, int], point: Point, stand: Mapping[str, Any]
    ) -> Witness:
        """Replace numbers by 0 or 1 wherever the sides still differ."""
        for key in sorted(point):
            for value in (Fraction(0), Fraction(1)):
                if point[key] == value or time.monotonic() > self.until:
                    break
                simpler = {**point, key: value}
                if self.differs(sizes, simpler, stand) is not None:
                    point = simpler
                    break
        # What was found is shown, whether or not there is time left.
        self.until = math.inf
        position = self.differs(sizes, point, stand)
        assert position is not None
        try:
            left, right = self._sides(sizes, point, stand, Rationals())
            shown = [_exact(left[position]), _exact(right[position])]
            shape = [sizes[i.axis] for i in self.claim.indices]
            arrays = [_nested(shape, side) for side in (left, right)]
        except (NoValueError, ValueError):
            # No rational, or one with more digits than Python writes.
            left, right = self._sides(sizes, point, stand, Balls())
            shown = [left[position].str(12, radius=False), right[position].str(12, radius=False)]
            arrays = [None, None]
        inputs = {
            name: _nested(
                [sizes[a] for a in axes],
                {p: v for (n, p), v in point.items() if n == name},
            )
            for name, axes in sorted(self.given.items())
        }
        functions = {f: f"{f}(z) = {text}" for f, (text, _) in stand.items()}
        used = {a: s for a, s in sizes.items() if self._root(a) in self._roots()}
        return Witness(used, inputs, functions, position, *shown, *arrays)


_RELATIONS: Mapping[str, Callable[[Fraction, Fraction], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Timed(Evaluation[Any]):
    """An evaluation that gives up when its time is over: sums over many indices can be long."""

    until = math.inf

    def _over(
        self, indices: tuple[Index, ...], at: Mapping[Index, int]
    ) -> Iterator[Mapping[Index, int]]:
        for point in super()._over(indices, at):
            if time.monotonic() > self.until:
                raise NoValueError("there is no time left")
            yield point


class _Precision:
    """The precision of ball arithmetic while an evaluation runs."""

    def __init__(self, numbers: Any) -> None:
        self.bits = numbers.bits if isinstance(numbers, Balls) else None

    def __enter__(self) -> None:
        if self.bits is not None:
            import flint

            self.before = flint.ctx.prec
            flint.ctx.prec = self.bits

    def __exit__(self, *_: object) -> None:
        if self.bits is not None:
            import flint

            flint.ctx.prec = self.before


def _exact(value: Fraction) -> str:
    return str(value)


def _nested(shape: list[int], values: Mapping[tuple[int, ...], Any]) -> Any:
    def on(prefix: tuple[int, ...], rest: list[int]) -> Any:
        if not rest:
            return values[prefix]
        return [on((*prefix, k), rest[1:]) for k in range(rest[0])]

    return on((), shape)


# ---------------------------------------------------------------- numbers to try


def _counting(name: str, number_: int, position: tuple[int, ...], k: int) -> Fraction:
    return Fraction(1 + (k + number_) % 4)


def _signed(name: str, number_: int, position: tuple[int, ...], k: int) -> Fraction:
    return Fraction((-2, 3, 1, -1, 2, -3)[(5 * k + 3 * number_ + sum(position)) % 6])


def _probability(name: str, number_: int, position: tuple[int, ...], k: int) -> Fraction:
    return Fraction(1 + (2 * k + number_) % 5, 7)


def _one_hot(name: str, number_: int, position: tuple[int, ...], k: int) -> Fraction:
    """Rows that sum to one, whichever axis is last."""
    if name.lower().startswith(("y", "t", "p")):
        return Fraction(int(position[-1] == 0)) if position else Fraction(1)
    return _counting(name, number_, position, k)


def _one_hot_columns(name: str, number_: int, position: tuple[int, ...], k: int) -> Fraction:
    if name.lower().startswith(("y", "t", "p")):
        return Fraction(int(position[0] == 0)) if position else Fraction(1)
    return _signed(name, number_, position, k)


_FILLS = (_counting, _signed, _probability, _one_hot, _one_hot_columns)
