"""Kinds of numbers for exact evaluation: rationals, and balls that contain the exact value."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from backproof.spec.terms import LARGEST_NUMBER
from backproof.spec.values.pointwise import KinkError, NoValueError


class Rationals:
    """Exact arithmetic; functions whose values are irrational have no value here."""

    def number(self, value: Fraction) -> Fraction:
        """A rational constant."""
        return value

    def constant(self, name: str) -> Fraction:
        """No named constant is rational."""
        raise NoValueError(f"{name} is irrational")

    def add(self, left: Fraction, right: Fraction) -> Fraction:
        """Left + right."""
        return left + right

    def mul(self, left: Fraction, right: Fraction) -> Fraction:
        """Left * right."""
        return left * right

    def power(self, base: Fraction, exponent: Fraction) -> Fraction:
        """Base ^ exponent, for whole exponents and for roots that come out even."""
        if exponent.denominator == 1:
            if base == 0 and exponent < 0:
                raise NoValueError("division by zero")
            bits = max(base.numerator.bit_length(), base.denominator.bit_length())
            if bits * abs(exponent.numerator) > LARGEST_NUMBER:
                raise NoValueError("a power past the size of number that is worked with")
            return base**exponent.numerator
        if exponent.denominator > LARGEST_NUMBER:
            raise NoValueError("a root past the degree that is worked with")
        root = _root(base, exponent.denominator)
        return self.power(root, Fraction(exponent.numerator))

    def is_positive(self, value: Fraction) -> bool:
        """Whether a number is above zero."""
        if value == 0:
            raise KinkError("a condition at the point where it changes")
        return value > 0

    def function(self, name: str, argument: Fraction) -> Fraction:
        """relu, step, abs and sign away from 0, and what others are at the point they share."""
        if name in ("relu", "step", "abs", "sign"):
            if argument == 0:
                raise KinkError(f"{name} at 0")
            positive = argument > 0
            if name == "relu":
                return argument if positive else Fraction(0)
            if name == "abs":
                return abs(argument)
            return Fraction(1) if positive else Fraction(0 if name == "step" else -1)
        if argument == 0 and name in _AT_ZERO:
            return _AT_ZERO[name]
        if name == "log" and argument == 1:
            return Fraction(0)
        raise NoValueError(f"{name} of {argument} is irrational")


_AT_ZERO = {
    "exp": Fraction(1),
    "tanh": Fraction(0),
    "sigmoid": Fraction(1, 2),
    "erf": Fraction(0),
}


def _root(value: Fraction, degree: int) -> Fraction:
    if value < 0:
        raise NoValueError("a root of a negative number")

    def whole(number: int) -> int:
        # Newton's iteration from above, in whole numbers.
        if number < 2:
            return number
        guess = 1 << -(-number.bit_length() // degree)
        while True:
            better = ((degree - 1) * guess + number // guess ** (degree - 1)) // degree
            if better >= guess:
                break
            guess = better
        if guess**degree != number:
            raise NoValueError("an irrational root")
        return guess

    return Fraction(whole(value.numerator), whole(value.denominator))


class Balls:
    """Ball arithmetic (F. Johansson, Arb, IEEE Trans. Computers 66, 2017) at a given precision."""

    def __init__(self, bits: int = 200) -> None:
        import flint

        self._flint = flint
        self.bits = bits

    def number(self, value: Fraction) -> Any:
        """A ball around a rational."""
        return self._flint.arb(value.numerator) / self._flint.arb(value.denominator)

    def constant(self, name: str) -> Any:
        """A ball around pi."""
        if name == "pi":
            return self._flint.arb.pi()
        raise NoValueError(f"no value is known for {name}")

    def add(self, left: Any, right: Any) -> Any:
        """Left + right."""
        return left + right

    def mul(self, left: Any, right: Any) -> Any:
        """Left * right."""
        return left * right

    def power(self, base: Any, exponent: Fraction) -> Any:
        """Base ^ exponent, where the ball of the base excludes what has no value."""
        if exponent.denominator == 1:
            if exponent < 0 and base.contains(0):
                raise NoValueError("division by a ball that contains zero")
            return base ** int(exponent)
        if not base > 0:
            raise NoValueError("a root of a number that may be negative")
        return base ** self.number(exponent)

    def is_positive(self, value: Any) -> bool:
        """Whether a ball lies above zero."""
        if value.contains(0):
            raise KinkError("a condition at the point where it changes")
        return bool(value > 0)

    def function(self, name: str, argument: Any) -> Any:
        """A primitive function, where the ball of the argument lies in its domain."""
        arb = self._flint.arb
        if name in ("relu", "step", "abs", "sign"):
            if argument.contains(0):
                raise KinkError(f"{name} at a ball that contains 0")
            positive = argument > 0
            values = {
                "relu": argument if positive else arb(0),
                "step": arb(int(positive)),
                "abs": abs(argument),
                "sign": arb(1 if positive else -1),
            }
            return values[name]
        if name == "log":
            if not argument > 0:
                raise NoValueError("the logarithm of a number that may not be positive")
            return argument.log()
        if name == "exp":
            return argument.exp()
        if name == "tanh":
            return argument.tanh()
        if name == "sigmoid":
            return 1 / (1 + (-argument).exp())
        if name == "softplus":
            return (1 + argument.exp()).log()
        if name == "erf":
            return argument.erf()
        raise NoValueError(f"no value is known for {name}")
