"""A point changed in single entries until the assumptions of a program hold at it, exactly.

Only a proposal: whoever uses the point holds it against the assumptions again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product

from backproof.spec.program import Assumption
from backproof.spec.terms import Index
from backproof.spec.values.pointwise import Evaluation, NoValueError
from backproof.spec.witnesses.points import Point, Position

RELATIONS: Mapping[str, Callable[[Fraction, Fraction], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}
# What is tried for an entry that an inequality asks something of.
_VALUES = tuple(Fraction(n, d) for n, d in ((1, 1), (-1, 1), (1, 2), (3, 1), (-3, 1), (1, 8)))
# One assumption may undo what another one needed.
_ROUNDS = 2

Key = tuple[str, Position]


def places(
    assumption: Assumption, evaluation: Evaluation[Fraction]
) -> Iterator[Mapping[Index, int]]:
    """The values of the indices for which an assumption speaks."""
    free = sorted(assumption.left.free | assumption.right.free)
    for position in product(*(range(evaluation.sizes[i.axis]) for i in free)):
        yield dict(zip(free, position, strict=True))


def holds(
    assumption: Assumption, evaluation: Evaluation[Fraction], at: Mapping[Index, int]
) -> bool:
    """Whether an assumption holds at a place.

    Raises:
        NoValueError: a side has no value there that a rational is.
    """
    left, right = (evaluation.term(x, at) for x in (assumption.left, assumption.right))
    return RELATIONS[assumption.relation](left, right)


class Fitting:
    """Changes points.

    Args:
        assumptions: what should hold.
        evaluate: the evaluation at a point; it tells of each input that it reads.
    """

    def __init__(
        self,
        assumptions: Sequence[Assumption],
        evaluate: Callable[[Point, Callable[[Key], object]], Evaluation[Fraction]],
    ) -> None:
        self.assumptions = assumptions
        self.evaluate = evaluate

    def fitted(self, point: Point) -> Point:
        """The point with other numbers at as many entries as there are conditions to meet."""
        settled: set[Key] = set()
        for _ in range(_ROUNDS if self.assumptions else 0):
            for assumption in self.assumptions:
                for at in places(assumption, self.evaluate(point, lambda key: None)):
                    point = self._with_one(assumption, at, point, settled)
        return point

    def _with_one(
        self, assumption: Assumption, at: Mapping[Index, int], point: Point, settled: set[Key]
    ) -> Point:
        read: dict[Key, None] = {}
        try:
            if holds(assumption, self.evaluate(point, read.setdefault), at):
                return point
        except NoValueError:
            pass
        for key in reversed([k for k in read if k not in settled]):
            for value in self._proposed(assumption, at, point, key):
                changed = {**point, key: value}
                if self._met(assumption, at, changed):
                    settled.add(key)
                    return changed
        return point

    def _met(self, assumption: Assumption, at: Mapping[Index, int], point: Point) -> bool:
        try:
            return holds(assumption, self.evaluate(point, lambda key: None), at)
        except NoValueError:
            return False

    def _proposed(
        self, assumption: Assumption, at: Mapping[Index, int], point: Point, key: Key
    ) -> Iterator[Fraction]:
        if not assumption.is_equation:
            yield from _VALUES
            return
        # As if the entry occurred to the first power: two values tell where the line is zero.
        here = point[key]
        try:
            low, high = (self._gap(assumption, at, {**point, key: v}) for v in (here, here + 1))
        except NoValueError:
            return
        if low != high:
            yield here - low / (high - low)

    def _gap(self, assumption: Assumption, at: Mapping[Index, int], point: Point) -> Fraction:
        evaluation = self.evaluate(point, lambda key: None)
        return evaluation.term(assumption.left, at) - evaluation.term(assumption.right, at)
