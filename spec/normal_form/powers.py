"""Rational powers of polynomials.

Relations used, each wherever both sides are defined:
    (x^a)^n = x^(an) for whole n;  (x y)^a = x^a y^a for y that is not negative
    (x^2)^(1/2) = abs(x);  roots of numbers through those of primes
"""

from __future__ import annotations

from fractions import Fraction

from backproof.spec.normal_form.budget import TooLargeError, in_steps
from backproof.spec.normal_form.directions import direction
from backproof.spec.normal_form.factors import content, shared_factor
from backproof.spec.normal_form.jumps import absolute, split_at_step
from backproof.spec.normal_form.polynomial import (
    ONE_POLY,
    ZERO_POLY,
    Atom,
    Monomial,
    Poly,
    atom_poly,
    constant_poly,
    multiplied_out,
    reduced,
    whole_power,
    whole_power_of_number,
)


def raised(base: Poly, exponent: Fraction) -> Poly:
    """A rational power of a polynomial.

    Raises:
        TooLargeError: a power of a sum past ``MAX_POWER``, or a number of too many bits.
        ZeroDivisionError: a negative power of zero.
        ValueError: a fractional power of a negative number.
    """
    if exponent.denominator == 1 and exponent >= 0:
        return whole_power(base, exponent.numerator)
    if base.is_zero:
        if exponent < 0:
            raise ZeroDivisionError("a negative power of zero")
        return ZERO_POLY
    if exponent.denominator > 1 and base.terms.keys() == {()} and base.terms[()] < 0:
        raise ValueError("a fractional power of a negative number")
    if in_steps() and len(base.terms) > 1:
        split = split_at_step(base, lambda side: raised(side, exponent))
        if split is not None:
            return split
    shared = shared_factor(base)
    whole = exponent.denominator == 1
    if len(base.terms) == 1:
        ((monomial, coefficient),) = base.terms.items()
        if whole or (coefficient > 0 and all(a.nonnegative for a, _ in monomial)):
            powers, extra = reduced({a: e * exponent for a, e in monomial})
            return _number_power(coefficient, exponent) * Poly({powers: extra})
        return _root_of_product(monomial, coefficient, exponent)
    leading = content(base) * (-1 if whole and direction(base) < 0 else 1)
    if not whole:
        shared = tuple((a, e) for a, e in shared if a.positive)
    inverse, extra = reduced({a: -e for a, e in shared})
    primitive = base * Poly({inverse: extra / leading})
    outside, extra = reduced({a: e * exponent for a, e in shared})
    return (
        _number_power(leading, exponent)
        * Poly({outside: extra})
        * atom_poly(Atom("poly", inner=primitive), exponent)
    )


def _root_of_product(monomial: Monomial, coefficient: Fraction, exponent: Fraction) -> Poly:
    """A root of a product, with the factors in front of which that is known."""
    outside: dict[Atom, Fraction] = {}
    inside: dict[Atom, Fraction] = {}
    roots_of_squares: list[Poly] = []
    for atom, power_ in monomial:
        if atom.nonnegative:
            outside[atom] = power_ * exponent
        elif power_.denominator == 1 and power_ % 2 == 0:
            roots_of_squares.append(raised(absolute(atom_poly(atom)), power_ * exponent))
        else:
            inside[atom] = power_
    rest = Poly({reduced(inside)[0]: Fraction(-1 if coefficient < 0 else 1)})
    powers, extra = reduced(outside)
    result = _number_power(abs(coefficient), exponent) * Poly({powers: extra})
    for factor in roots_of_squares:
        result = result * factor
    if rest == ONE_POLY:
        return result
    return result * multiplied_out(atom_poly(Atom("poly", inner=rest), exponent))


def _number_power(value: Fraction, exponent: Fraction) -> Poly:
    if exponent.denominator == 1:
        return constant_poly(whole_power_of_number(value, exponent.numerator))
    exponents: dict[Atom, Fraction] = {}
    for number_, sign in ((value.numerator, 1), (value.denominator, -1)):
        for prime, count in prime_factors(number_).items():
            atom = Atom("radical", order=prime)
            exponents[atom] = exponents.get(atom, Fraction(0)) + sign * count * exponent
    monomial, coefficient = reduced(exponents)
    return Poly({monomial: coefficient})


def prime_factors(value: int) -> dict[int, int]:
    """The primes of a whole number above zero, and how often each divides it."""
    if value.bit_length() > 64:
        raise TooLargeError("a root of a number past 64 bits")
    found: dict[int, int] = {}
    candidate = 2
    while candidate * candidate <= value:
        while value % candidate == 0:
            found[candidate] = found.get(candidate, 0) + 1
            value //= candidate
        candidate += 1
    if value > 1:
        found[value] = found.get(value, 0) + 1
    return found
