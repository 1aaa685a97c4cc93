"""Rational arithmetic: the exact value, for rational functions at small sizes.

Nothing is rounded until the answer is converted. At a kink a value is an interval of rationals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from backproof.oracles.outcome import Answer, Question, Unavailable
from backproof.oracles.pointwise import Domain, NoRuleError, Place, Pointwise, places, work
from backproof.oracles.questions import checked
from backproof.spec.terms import LARGEST_NUMBER

# Innermost steps of the loops in one answer; about half a second.
MOST_WORK = 50_000


@dataclass(frozen=True, slots=True)
class Rational:
    """All reals from ``low`` to ``high``; None is the absence of a bound."""

    low: Fraction | None
    high: Fraction | None

    @property
    def is_exact(self) -> bool:
        """Whether it is a single number."""
        return self.low is not None and self.low == self.high


_EVERYTHING = Rational(None, None)


def point(value: Fraction) -> Rational:
    """The interval that holds one number."""
    return Rational(value, value)


class Rationals(Domain[Rational]):
    """The domain of rational numbers and of intervals between them."""

    def number(self, value: Fraction) -> Rational:
        """A rational constant."""
        return point(value)

    def constant(self, name: str) -> Rational:
        """No named constant is rational."""
        raise NoRuleError(f"{name} is not rational")

    def total(self, terms: Sequence[Rational]) -> Rational:
        """A sum."""
        low = high = Fraction(0)
        for term in terms:
            if term.low is None or term.high is None:
                return _EVERYTHING
            low += term.low
            high += term.high
        return Rational(low, high)

    def mul(self, left: Rational, right: Rational) -> Rational:
        """A product: its bounds are among the products of the bounds."""
        if left.low is None or left.high is None or right.low is None or right.high is None:
            return _EVERYTHING
        if left.is_exact and right.is_exact:
            return point(left.low * right.low)
        corners = (
            left.low * right.low,
            left.low * right.high,
            left.high * right.low,
            left.high * right.high,
        )
        return Rational(min(corners), max(corners))

    def power(self, base: Rational, exponent: Fraction) -> Rational:
        """An integer power."""
        if exponent.denominator != 1:
            raise NoRuleError(f"a power of exponent {exponent} is not rational")
        power = exponent.numerator
        if base.low is None or base.high is None:
            return _EVERYTHING
        crosses = base.low <= 0 <= base.high
        if power < 0 and crosses:
            return _EVERYTHING
        bits = max(
            number.bit_length()
            for end in (base.low, base.high)
            for number in (end.numerator, end.denominator)
        )
        if bits * abs(power) > LARGEST_NUMBER:
            raise NoRuleError(f"a power of exponent {exponent} is too large a number")
        ends = (base.low**power, base.high**power)
        if crosses and power % 2 == 0:
            return Rational(Fraction(0), max(ends))
        return Rational(min(ends), max(ends))

    def smooth(self, function: str, argument: Rational) -> Rational:
        """None of the smooth primitives is rational."""
        raise NoRuleError(f"{function} is not a rational function")

    def side(self, argument: Rational, kink: Fraction) -> int:
        """Where the interval lies."""
        if argument.low is not None and argument.low > kink:
            return 1
        if argument.high is not None and argument.high < kink:
            return -1
        return 0

    def halves(self, argument: Rational, kink: Fraction) -> tuple[Rational, Rational]:
        """The parts of the interval on either side of the kink."""
        return Rational(argument.low, kink), Rational(kink, argument.high)

    def hull(self, left: Rational, right: Rational) -> Rational:
        """The smallest interval around both."""
        unbounded = left.low is None or left.high is None or right.low is None or right.high is None
        if unbounded:
            return _EVERYTHING
        assert left.low is not None
        assert left.high is not None
        assert right.low is not None
        assert right.high is not None
        return Rational(min(left.low, right.low), max(left.high, right.high))

    def maximum(self, values: Sequence[Rational]) -> Rational:
        """The largest of at least one value."""
        lows = [value.low for value in values if value.low is not None]
        highs = [value.high for value in values if value.high is not None]
        low = max(lows) if lows else None
        return Rational(low, max(highs) if len(highs) == len(values) else None)

    def is_zero(self, value: Rational) -> bool:
        """Whether it is the number 0."""
        return value.is_exact and value.low == 0

    def undetermined(self) -> Rational:
        """The whole line."""
        return _EVERYTHING


class ExactOracle:
    """The exact value of each entry, where it is rational.

    Args:
        most_work: refuse to answer beyond so many innermost steps.
    """

    name = "exact"
    independent_of = "everything numeric"

    def __init__(self, most_work: int = MOST_WORK) -> None:
        self.most_work = most_work

    def answer(self, question: Question) -> Answer | Unavailable:
        """The nearest float64 of each entry; the radius is what the conversion lost.

        Raises:
            ValueError: see ``backproof.oracles.questions.checked``.
        """
        found = self.rationals(question)
        if isinstance(found, Unavailable):
            return found
        shapes = checked(question).shapes
        values = {name: np.zeros(shape) for name, shape in shapes.items()}
        radii = {name: np.zeros(shape) for name, shape in shapes.items()}
        for (name, place), value in found.items():
            values[name][place], radii[name][place] = to_floats(value)
        return Answer(self.name, values, radii)

    def rationals(self, question: Question) -> dict[tuple[str, Place], Rational] | Unavailable:
        """Each wanted entry, by name and position, before any rounding.

        Raises:
            ValueError: see ``backproof.oracles.questions.checked``.
        """
        known, inputs = checked(question), question.inputs
        steps = work(question.derivation, known.names, known.sizes)
        if steps > self.most_work:
            return Unavailable(self.name, f"{steps} steps are more than {self.most_work}")
        if known.unfit:
            return Unavailable(self.name, known.unfit)

        def given(name: str, place: Place) -> Rational:
            return point(Fraction(inputs[name].item(place)))

        evaluator = Pointwise[Rational](question.derivation, given, known.sizes, Rationals())
        try:
            return {
                (name, place): evaluator.entry(name, place)
                for name, shape in known.shapes.items()
                for place in places(shape)
            }
        except NoRuleError as error:
            return Unavailable(self.name, str(error))


def to_floats(value: Rational) -> tuple[float, float]:
    """The float64 nearest to the middle, and a radius that covers the interval; else (0, inf)."""
    if value.low is None or value.high is None:
        return 0.0, math.inf
    try:
        middle = float((value.low + value.high) / 2)
        gap = max(value.high - Fraction(middle), Fraction(middle) - value.low)
        radius = float(gap)
    except OverflowError:
        return 0.0, math.inf
    if Fraction(radius) < gap:
        radius = math.nextafter(radius, math.inf)
    return middle, radius
