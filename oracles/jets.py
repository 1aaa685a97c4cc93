"""Truncated Taylor series over balls: how much a function bends along a whole segment.

A jet whose constant coefficient is a ball around a segment has, as its coefficient of order k, a
ball around the k-th derivative over k! at every point of the segment. (Griewank and Walther,
Evaluating Derivatives, 2nd ed., chapter 13; Moore, Kearfott and Cloud, Introduction to Interval
Analysis, 2009, chapter 9.) The derivatives are Arb's own, not those of the specification.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from backproof.oracles.balls import constant, exact_ball, flint
from backproof.oracles.pointwise import Domain, NoRuleError

Jet = Any

# Orders 0 to 3.
LENGTH = 4


def _sigmoid(x: Jet, one: Jet) -> Jet:
    # The exponential of a falling argument: 1 + e stays near 1.
    if x[0].real > 0:
        return one / (one + (-x).exp())
    grown = x.exp()
    return grown / (one + grown)


_SMOOTH: dict[str, Callable[[Jet, Jet], Jet]] = {
    "exp": lambda x, one: x.exp(),
    "log": lambda x, one: x.log(),
    "tanh": lambda x, one: one - (one + one) / (one + (x + x).exp()),
    "sigmoid": _sigmoid,
    "softplus": lambda x, one: (one + x.exp()).log(),
    "erf": lambda x, one: x.erf(),
}


class Jets(Domain[Jet]):
    """The domain of truncated series; at a kink that the argument moves across, undetermined.

    Args:
        complex_: over complex balls, for segments that leave the real line.
    """

    def __init__(self, complex_: bool = False) -> None:
        library = flint()
        self._series = library.acb_series if complex_ else library.arb_series
        self._scalar = library.acb if complex_ else library.arb
        self._one = self._series([1])

    def variable(self, at: Any) -> Jet:
        """The jet of the variable itself, at a ball."""
        return self._series([at, 1])

    def fixed(self, value: Any) -> Jet:
        """The jet of a constant."""
        return self._series([value])

    def number(self, value: Fraction) -> Jet:
        """A rational constant."""
        return self.fixed(exact_ball(value))

    def constant(self, name: str) -> Jet:
        """A named constant."""
        return self.fixed(constant(name))

    def total(self, terms: Sequence[Jet]) -> Jet:
        """A sum."""
        value = self._series([0])
        for term in terms:
            value = value + term
        return value

    def mul(self, left: Jet, right: Jet) -> Jet:
        """A product."""
        return left * right

    def power(self, base: Jet, exponent: Fraction) -> Jet:
        """A rational power, where the base has no zero or the exponent is a natural number."""
        if exponent.denominator == 1 and exponent > 0:
            return self._natural(base, exponent.numerator)
        try:
            if exponent.denominator == 1:
                return self._one / self._natural(base, -exponent.numerator)
            return (base.log() * self.number(exponent)).exp()
        except ValueError:
            return self.undetermined()

    @staticmethod
    def _natural(base: Jet, exponent: int) -> Jet:
        value = base
        for _ in range(exponent - 1):
            value = value * base
        return value

    def smooth(self, function: str, argument: Jet) -> Jet:
        """A primitive function without kinks."""
        rule = _SMOOTH.get(function)
        if rule is None:
            raise NoRuleError(f"no series of the function {function} is known")
        try:
            return rule(argument, self._one)
        except ValueError:
            return self.undetermined()

    def side(self, argument: Jet, kink: Fraction) -> int:
        """Where the segment's values lie."""
        at, middle = exact_ball(kink), argument[0].real
        return 1 if middle > at else -1 if middle < at else 0

    def halves(self, argument: Jet, kink: Fraction) -> tuple[Jet, Jet]:
        """An argument that does not move; else undetermined twice."""
        still = argument.length() <= 1 and argument[0].is_exact()
        halves = argument if still else self.undetermined()
        return halves, halves

    def hull(self, left: Jet, right: Jet) -> Jet:
        """A constant around two constants."""
        if left.length() > 1 or right.length() > 1:
            return self.undetermined()
        low, high = left[0].real, right[0].real
        return self.fixed(low if low.is_exact() and low == high else low.union(high))

    def is_zero(self, value: Jet) -> bool:
        """Whether it is the constant 0."""
        return bool(value.length() <= 1 and value[0].is_zero())

    def undetermined(self) -> Jet:
        """NaN in every coefficient."""
        return self._series([self._scalar(flint().arb.nan())] * LENGTH)
