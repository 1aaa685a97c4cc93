"""Real balls: midpoint and radius in as many bits as asked for, by python-flint (Arb).

Source: F. Johansson, Arb: efficient arbitrary-precision midpoint-radius interval arithmetic, IEEE
Transactions on Computers 66, 2017. The library is loaded on first use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

from backproof.oracles.pointwise import Domain, NoRuleError

Ball = Any

# Below this an absolute error cannot change the nearest float64: a quarter of the smallest one.
NEGLIGIBLE_EXPONENT = -1076


def flint() -> Any:
    """The library, loaded on first use."""
    import flint as library

    return library


@contextmanager
def precision(bits: int, series_length: int | None = None) -> Iterator[None]:
    """Work with so many bits, and series cut at so many coefficients; both are put back after."""
    context = flint().ctx
    before = context.prec, context.cap
    context.prec = bits
    if series_length is not None:
        context.cap = series_length
    try:
        yield
    finally:
        context.prec, context.cap = before


def exact_ball(value: Fraction) -> Ball:
    """The ball of a rational number; of radius 0 where the number has finitely many bits."""
    library = flint()
    return library.arb(library.fmpq(value.numerator, value.denominator))


def sharp(ball: Ball) -> bool:
    """Whether a ball's radius is under a quarter of the last float64 digit of its midpoint."""
    if not ball.is_finite():
        return False
    middle = float(ball.mid())
    if not math.isfinite(middle):
        return False
    library = flint()
    finest = library.arb(2) ** NEGLIGIBLE_EXPONENT
    return bool(ball.rad() <= finest or ball.rad() <= library.arb(math.ulp(middle)) / 4)


def to_floats(ball: Ball) -> tuple[float, float]:
    """The nearest float64 to the midpoint, and a float64 radius that still covers the ball.

    (0, inf) for a ball that holds everything, or whose midpoint no float64 is near.
    """
    if not ball.is_finite():
        return 0.0, math.inf
    middle = float(ball.mid())
    if not math.isfinite(middle):
        return 0.0, math.inf
    library = flint()
    with precision(max(library.ctx.prec, 128)):
        gap = abs(ball - library.arb(middle)).abs_upper()
        if gap.is_zero():
            return middle, 0.0
        return middle, upwards(gap)


def upwards(ball: Ball) -> float:
    """The least float64 that is not below any number of the ball, or the one after it."""
    if not ball.is_finite():
        return math.inf
    end = ball.upper()
    nearest = float(end)
    return nearest if flint().arb(nearest) >= end else math.nextafter(nearest, math.inf)


def downwards(ball: Ball) -> float:
    """The greatest float64 that is not above any number of the ball, or the one before it."""
    if not ball.is_finite():
        return -math.inf
    end = ball.lower()
    nearest = float(end)
    return nearest if flint().arb(nearest) <= end else math.nextafter(nearest, -math.inf)


def _sigmoid(x: Ball) -> Ball:
    one = flint().arb(1)
    if x > 0:
        return one / (one + (-x).exp())
    grown = x.exp()
    return grown / (one + grown)


def _softplus(x: Ball) -> Ball:
    if x > 0:
        return x + (-x).exp().log1p()
    return x.exp().log1p()


SMOOTH: dict[str, Callable[[Ball], Ball]] = {
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "tanh": lambda x: x.tanh(),
    "erf": lambda x: x.erf(),
    "sigmoid": _sigmoid,
    "softplus": _softplus,
}
_CONSTANTS: dict[str, Callable[[], Ball]] = {"pi": lambda: flint().arb.pi()}


def constant(name: str) -> Ball:
    """A named constant.

    Raises:
        NoRuleError: there is none of that name.
    """
    if name not in _CONSTANTS:
        raise NoRuleError(f"no enclosure of the constant {name} is known")
    return _CONSTANTS[name]()


class Balls(Domain[Ball]):
    """The domain of balls, at the precision that is set while it is used.

    Attributes:
        unsure: a ball of radius above 0 met a kink: more bits may decide on which side it lies.
    """

    def __init__(self) -> None:
        self.unsure = False

    def largest(self, values: Sequence[Ball]) -> int:
        """The position of the largest midpoint; which one is chosen does not change a value."""
        return max(range(len(values)), key=lambda k: values[k].mid())

    def maximum(self, values: Sequence[Ball]) -> Ball:
        """The largest of at least one value."""
        best = values[0]
        for value in values[1:]:
            best = best.max(value)
        return best

    def number(self, value: Fraction) -> Ball:
        """A rational constant."""
        return exact_ball(value)

    def constant(self, name: str) -> Ball:
        """A named constant."""
        return constant(name)

    def total(self, terms: Sequence[Ball]) -> Ball:
        """A sum."""
        value = flint().arb(0)
        for term in terms:
            value = value + term
        return value

    def mul(self, left: Ball, right: Ball) -> Ball:
        """A product."""
        return left * right

    def power(self, base: Ball, exponent: Fraction) -> Ball:
        """A rational power; NaN outside its domain."""
        if exponent.denominator == 1:
            return base**exponent.numerator
        if exponent.denominator == 2:
            return base.sqrt() ** exponent.numerator
        if base.is_zero() and exponent > 0:
            return base
        return base ** exact_ball(exponent)

    def smooth(self, function: str, argument: Ball) -> Ball:
        """A primitive function without kinks."""
        rule = SMOOTH.get(function)
        if rule is None:
            raise NoRuleError(f"no enclosure of the function {function} is known")
        return rule(argument)

    def side(self, argument: Ball, kink: Fraction) -> int:
        """Where the ball lies."""
        at = exact_ball(kink)
        if argument > at:
            return 1
        if argument < at:
            return -1
        if not argument.is_exact():
            self.unsure = True
        return 0

    def halves(self, argument: Ball, kink: Fraction) -> tuple[Ball, Ball]:
        """The parts of the ball on either side of the kink."""
        at = exact_ball(kink)
        if not argument.is_finite() or argument.is_exact():
            return argument, argument
        return argument.lower().union(at), at.union(argument.upper())

    def hull(self, left: Ball, right: Ball) -> Ball:
        """The smallest ball around both, up to the radius's own rounding."""
        if left.is_exact() and right.is_exact() and left == right:
            return left
        return left.union(right)

    def is_zero(self, value: Ball) -> bool:
        """Whether a ball is 0 and nothing else."""
        return bool(value.is_zero())

    def undetermined(self) -> Ball:
        """NaN, which Arb takes for the whole line."""
        return flint().arb.nan()
