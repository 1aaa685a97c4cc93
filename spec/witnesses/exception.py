"""A case in which a condition fails and a claim with it: the condition is needed."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from backproof.spec.claims.reading import Claim
from backproof.spec.deadline import OutOfTimeError, time_limit
from backproof.spec.program import Assumption
from backproof.spec.terms import ZERO, Index, Term
from backproof.spec.values.exact_numbers import AtKinks, UndefinedError
from backproof.spec.values.pointwise import Evaluation, NoValueError
from backproof.spec.values.stand_ins import Stand
from backproof.spec.witnesses.points import Point
from backproof.spec.witnesses.witness import NO_VALUE, Witness, WitnessSearch

# So many cases are tried.
EXCEPTIONS = 40


def find_exception(claim: Claim, zero: Term, seconds: float = 1.0) -> Witness | None:
    """A case in which a term is zero and the sides differ, or only one of them has a value.

    It shows that a claim that holds where the term is not zero needs that. A step is 0 where its
    argument is.
    """
    if claim.left is None or claim.right is None:
        return None
    with time_limit(seconds):
        try:
            return _Exceptions(claim, zero).run(EXCEPTIONS).witness
        except (OutOfTimeError, RecursionError):
            return None


class _Exceptions(WitnessSearch):
    """Looks where a term is zero."""

    def __init__(self, claim: Claim, zero: Term) -> None:
        self.zero = Assumption(zero, ZERO, "")
        super().__init__(claim)
        self.assumptions.append(self.zero)

    def _other_terms(self) -> list[Term]:
        return [*super()._other_terms(), self.zero.left]

    def _tried(
        self, sizes: Mapping[str, int], point: Point, stand: Stand
    ) -> tuple[Witness | None, bool, bool]:
        try:
            self._check_assumptions(sizes, point, stand)
            evaluation = self._evaluation(sizes, point, stand, AtKinks())
            for position, at in self._places(self.claim.indices, sizes):
                left, right = (self._value(evaluation, s, at) for s in (self.left, self.right))
                if left != right:
                    shown = [NO_VALUE if v is None else str(v) for v in (left, right)]
                    witness = self._witness(sizes, point, stand, position, *shown)
                    return witness, True, True
        except NoValueError:
            return None, False, True
        return None, True, True

    def _value(
        self, evaluation: Evaluation[Fraction], side: Term, at: Mapping[Index, int]
    ) -> Fraction | None:
        try:
            return evaluation.term(side, at)
        except UndefinedError:
            return None
