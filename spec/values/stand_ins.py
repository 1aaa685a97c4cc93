"""What an abstract function is taken to be at a point: a polynomial, which has all derivatives."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from backproof.spec.normal_form.budget import TooLargeError
from backproof.spec.normal_form.normal import normalise
from backproof.spec.terms import Term
from backproof.spec.values.pointwise import Numbers

# By function: in words, and its coefficients from the constant up.
Stand = dict[str, tuple[str, tuple[Fraction, ...]]]

# What an abstract function may stand for.
STAND_INS = tuple(
    (text, tuple(map(Fraction, coefficients)))
    for text, coefficients in (("z^2", (0, 0, 1)), ("z^3", (0, 0, 0, 1)), ("z^2 + z", (0, 1, 1)))
)


# Squared again and again, numbers grow past all bounds: in a deep program z itself is tried.
IDENTITY = ("z", (Fraction(0), Fraction(1)))
DEEP = 20


def polynomial(
    coefficients: tuple[Fraction, ...], numbers: Numbers[Any]
) -> Callable[[int, Any], Any]:
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


def coefficients_of(value: Term, argument: Term) -> tuple[Fraction, ...] | None:
    """The coefficients of a polynomial in an argument, from the constant up; None for others."""
    try:
        terms = normalise(value).terms
    except (TooLargeError, ArithmeticError, ValueError):
        return None
    (atom,) = {a for m in normalise(argument).terms for a, _ in m}
    found: dict[int, Fraction] = {}
    for monomial, coefficient in terms.items():
        powers = dict(monomial)
        exponent = powers.pop(atom, Fraction(0))
        if powers or exponent < 0 or exponent.denominator != 1:
            return None
        found[int(exponent)] = coefficient
    return tuple(found.get(k, Fraction(0)) for k in range(max(found, default=0) + 1))
