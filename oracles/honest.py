"""What an honest float64 evaluation of the statements may give, with its complex-step derivative.

A scalar holds two balls: one around the exact value and everything that rounding may make of it,
one around the exact derivative along a direction and everything that the imaginary part of a
complex evaluation, over the step, may be. Sums may be taken in any order.

Constants, u = 2^-53: a real operation is off by u of its result; a complex product by 4u of the
sum of the moduli of its parts (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed.,
section 3.6, taken for each part); an elementary function f by 8u (|f| + max(1, |x|)) and, in the
imaginary part, by 8u (|f'| + max(1, |x|)) times the derivative of its argument. Measured worst for
numpy's complex functions, and for what is composed of them: 4.6u and 3.1u of those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from backproof.oracles.balls import Ball, Balls, exact_ball, flint
from backproof.oracles.jets import Jets
from backproof.oracles.pointwise import Domain

# The step of a complex evaluation; its square is far below any rounding.
COMPLEX_STEP_EXPONENT = -200

_UNIT = Fraction(1, 2**53)
_PRODUCT = 4 * _UNIT
_FUNCTION = 8 * _UNIT
# Twice the smallest float64 for a real part; the same over the step for an imaginary one.
_LEAST_VALUE = Fraction(1, 2**1073)
_LEAST_SLOPE = Fraction(1, 2 ** (1073 + COMPLEX_STEP_EXPONENT))


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """Where an honest evaluation may arrive; for a sum, before the sum itself is rounded.

    Attributes:
        value: a ball around the real part.
        slope: a ball around the derivative.
        terms: how many summands the two consist of.
        value_moduli: the sum of the moduli of the summands of the value.
        slope_moduli: the same of the slope.
    """

    value: Ball
    slope: Ball
    terms: int
    value_moduli: Ball
    slope_moduli: Ball


def _around(middle: Ball, radius: Ball) -> Ball:
    return middle + flint().arb(0, 1) * radius


def _single(value: Ball, slope: Ball) -> Reach:
    return Reach(value, slope, 1, abs(value), abs(slope))


class Honest(Domain[Reach]):
    """The domain of reaches; derivatives at a kink that is reached are undetermined."""

    def __init__(self) -> None:
        library = flint()
        self._balls, self._jets = Balls(), Jets()
        self._zero, self._one = library.arb(0), library.arb(1)
        self._unit, self._product = exact_ball(_UNIT), exact_ball(_PRODUCT)
        self._function = exact_ball(_FUNCTION)
        self._least_value, self._least_slope = exact_ball(_LEAST_VALUE), exact_ball(_LEAST_SLOPE)

    def given(self, value: float, moves: bool) -> Reach:
        """An input: exact, and either the one along which the derivative is taken or not."""
        return _single(flint().arb(value), self._one if moves else self._zero)

    def closed(self, scalar: Reach) -> tuple[Ball, Ball]:
        """The balls of a scalar, any sum that it is being rounded."""
        if scalar.terms == 1:
            return scalar.value, scalar.slope
        count = self._unit * scalar.terms
        return (
            _around(scalar.value, count * scalar.value_moduli),
            _around(scalar.slope, count * scalar.slope_moduli),
        )

    def number(self, value: Fraction) -> Reach:
        """A rational constant, rounded where no float64 is it."""
        ball = exact_ball(value)
        if Fraction(float(value)) != value:
            ball = _around(ball, self._unit * abs(ball))
        return _single(ball, self._zero)

    def constant(self, name: str) -> Reach:
        """A named constant, rounded."""
        ball = self._balls.constant(name)
        return _single(_around(ball, self._unit * abs(ball)), self._zero)

    def total(self, terms: Sequence[Reach]) -> Reach:
        """A sum of all summands of the terms, in any order."""
        value = slope = value_moduli = slope_moduli = self._zero
        count = 0
        for term in terms:
            value, slope = value + term.value, slope + term.slope
            value_moduli = value_moduli + term.value_moduli
            slope_moduli = slope_moduli + term.slope_moduli
            count += term.terms
        return Reach(value, slope, max(count, 1), value_moduli, slope_moduli)

    def mul(self, left: Reach, right: Reach) -> Reach:
        """A product of complex numbers whose imaginary parts are tiny."""
        (a, da), (b, db) = self.closed(left), self.closed(right)
        value, first, second = a * b, da * b, a * db
        moduli = abs(first) + abs(second)
        return _single(
            _around(value, self._product * abs(value) + self._least_value),
            _around(first + second, self._product * moduli + self._least_slope),
        )

    def power(self, base: Reach, exponent: Fraction) -> Reach:
        """A rational power, however an honest evaluation takes it."""
        x, dx = self.closed(base)
        value = self._balls.power(x, exponent)
        slope = exact_ball(exponent) * self._balls.power(x, exponent - 1)
        return self._elementary(x, dx, value, slope, abs(int(exponent)))

    def smooth(self, function: str, argument: Reach) -> Reach:
        """A primitive function without kinks."""
        x, dx = self.closed(argument)
        slope = self._jets.smooth(function, self._jets.variable(x))[1]
        return self._elementary(x, dx, self._balls.smooth(function, x), slope)

    def _elementary(self, x: Ball, dx: Ball, value: Ball, slope: Ball, more: int = 0) -> Reach:
        scale = abs(x).union(self._one)
        factor = self._function * (1 + more)
        return _single(
            _around(value, factor * (abs(value) + scale)),
            _around(slope * dx, factor * (abs(slope) + scale) * abs(dx) + self._least_slope),
        )

    def defined(self, argument: Reach, value: Reach) -> Reach:
        """A function such as gelu, however it is written: what cancels costs u of the argument."""
        (x, dx), (y, dy) = self.closed(argument), self.closed(value)
        scale = abs(x).union(self._one)
        return _single(
            _around(y, self._function * (abs(y) + scale)),
            _around(dy, self._function * (abs(dy) + scale * abs(dx))),
        )

    def softmax(self, values: Sequence[Reach], position: int) -> Reach:
        """One entry of a softmax, shifted by the largest value or by another."""
        closed = [self.closed(value) for value in values]
        points, moves = [x for x, _ in closed], [dx for _, dx in closed]
        shares = [self._balls.softmax(points, k) for k in range(len(values))]
        unit = self._shift_error(points)
        mean = sum((p * dx for p, dx in zip(shares, moves, strict=True)), self._zero)
        moduli = sum((p * abs(dx) for p, dx in zip(shares, moves, strict=True)), self._zero)
        share, move = shares[position], moves[position]
        return _single(
            _around(share, unit),
            _around(share * (move - mean), unit * (abs(move) + moduli) + self._least_slope),
        )

    def logsumexp(self, values: Sequence[Reach]) -> Reach:
        """A logarithm of a sum of exponentials, shifted by the largest value or by another."""
        closed = [self.closed(value) for value in values]
        points, moves = [x for x, _ in closed], [dx for _, dx in closed]
        shares = [self._balls.softmax(points, k) for k in range(len(values))]
        unit = self._shift_error(points)
        value = self._balls.logsumexp(points)
        slope = sum((p * dx for p, dx in zip(shares, moves, strict=True)), self._zero)
        moduli = sum((abs(dx) for dx in moves), self._zero)
        return _single(
            _around(value, unit * (self._one + abs(value))),
            _around(slope, unit * moduli + self._least_slope),
        )

    def _shift_error(self, points: Sequence[Ball]) -> Ball:
        # Each of C exponentials is off by a few u and by u of its argument, a difference.
        spread = max((abs(x - y).upper() for x in points for y in points), default=self._zero)
        return self._function * (len(points) + 12 + 4 * spread)

    def side(self, argument: Reach, kink: Fraction) -> int:
        """Where all that an honest evaluation may give lies."""
        return self._balls.side(self.closed(argument)[0], kink)

    def halves(self, argument: Reach, kink: Fraction) -> tuple[Reach, Reach]:
        """The values on either side, with the same slope."""
        value, slope = self.closed(argument)
        lower, upper = self._balls.halves(value, kink)
        return _single(lower, slope), _single(upper, slope)

    def hull(self, left: Reach, right: Reach) -> Reach:
        """All that either may be."""
        (a, da), (b, db) = self.closed(left), self.closed(right)
        return _single(self._balls.hull(a, b), self._balls.hull(da, db))

    def is_zero(self, value: Reach) -> bool:
        """Whether every honest evaluation gives 0, whatever moves."""
        return all(bool(ball.is_zero()) for ball in self.closed(value))

    def undetermined(self) -> Reach:
        """Nothing is known."""
        return _single(self._balls.undetermined(), self._balls.undetermined())
