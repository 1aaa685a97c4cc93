"""What the terms of a polynomial share: a number, and a product of atoms."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm

from backproof.spec.normal_form.directions import direction
from backproof.spec.normal_form.polynomial import Monomial, Poly, atom_poly, reduced


def content(poly: Poly) -> Fraction:
    """The positive number by which the coefficients are whole and have no common divisor."""
    above, below = 0, 1
    for c in poly.terms.values():
        above, below = gcd(above, c.numerator), lcm(below, c.denominator)
    return Fraction(above, below)


def shared_factor(poly: Poly) -> Monomial:
    """The product of atoms without which no atom is below the line, and none in all monomials."""
    monomials = [dict(m) for m in poly.terms]
    atoms = dict.fromkeys(a for m in monomials for a in m)
    least = {a: min(m.get(a, Fraction(0)) for m in monomials) for a in atoms}
    return tuple((a, e) for a, e in least.items() if e)


def without_positive_factors(argument: Poly) -> Poly:
    """A polynomial of the same sign everywhere, with the factors that are positive left out."""
    shared = tuple((a, e) for a, e in shared_factor(argument) if a.positive)
    inverse, extra = reduced({a: -e for a, e in shared})
    return argument * Poly({inverse: extra / content(argument)})


def factors_of(poly: Poly) -> tuple[Poly, ...]:
    """The atoms that all terms share, and what is left of the terms, up to a number."""
    shared = shared_factor(poly)
    inverse, extra = reduced({a: -e for a, e in shared})
    rest = poly * Poly({inverse: extra / content(poly)})
    found = [
        a.inner if a.kind == "poly" and a.inner is not None else atom_poly(a) for a, _ in shared
    ]
    if not rest.terms.keys() <= {()}:
        found.append(rest)
    return tuple(p.scaled(Fraction(-1)) if direction(p) < 0 else p for p in found)
