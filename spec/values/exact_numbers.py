"""The numbers in which claims are held against points, and evaluations that keep to the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from backproof.spec.deadline import check_time
from backproof.spec.terms import Index, Max, Where
from backproof.spec.values.numbers import Balls, Rationals
from backproof.spec.values.pointwise import Evaluation, KinkError, NoValueError


class Continuous(Rationals):
    """Rationals in which what is continuous has a value at its kinks."""

    def function(self, name: str, argument: Fraction) -> Fraction:
        if argument == 0 and name in ("relu", "abs"):
            return argument
        return super().function(name, argument)


class UndefinedError(NoValueError):
    """There is no value at all, as against none that a rational number is."""


class AtKinks(Rationals):
    """Rationals that tell what has no value at all; a step is 0 where its argument is."""

    def power(self, base: Fraction, exponent: Fraction) -> Fraction:
        if (base == 0 and exponent < 0) or (base < 0 and exponent.denominator % 2 == 0):
            raise UndefinedError("no value")
        return super().power(base, exponent)

    def is_positive(self, value: Fraction) -> bool:
        return value > 0

    def function(self, name: str, argument: Fraction) -> Fraction:
        if name == "log" and argument <= 0:
            raise UndefinedError("no value")
        if argument == 0 and name in ("relu", "step", "abs", "sign"):
            return Fraction(0)
        return super().function(name, argument)


class TimedEvaluation(Evaluation[Any]):
    """An evaluation that gives up when its time is over: sums over many indices can be long.

    In exact numbers a largest value that two places have is a value, and so is a condition at its
    border that both branches have one value for.
    """

    def _chosen(self, term: Where, at: Mapping[Index, int]) -> Any:
        try:
            return super()._chosen(term, at)
        except KinkError:
            if not isinstance(self.numbers, Rationals):
                raise
            above, below = (self.term(branch, at) for branch in (term.above, term.below))
            if above != below:
                raise
            return above

    def _maximum(self, term: Max, at: Mapping[Index, int]) -> Any:
        if not isinstance(self.numbers, Rationals):
            return super()._maximum(term, at)
        return max(self._values(term, at))

    def _over(
        self, indices: tuple[Index, ...], at: Mapping[Index, int]
    ) -> Iterator[Mapping[Index, int]]:
        for point in super()._over(indices, at):
            check_time()
            yield point


class Precision:
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
