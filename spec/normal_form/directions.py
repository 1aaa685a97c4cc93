"""Which of a polynomial and its negative stands for both, below a function or above a line.

Relations used:  erf(-x) = -erf(x);  sign(-x) = -sign(x)
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from backproof.spec.normal_form.labelling import renamed_monomial
from backproof.spec.normal_form.polynomial import (
    ZERO_POLY,
    Atom,
    Poly,
    function_of,
    monomial_key,
)
from backproof.spec.terms import Index

# Functions that are even, odd, or one minus themselves at the opposite argument.
REFLECTED = ("sigmoid", "erf", "sign", "abs")


def direction(poly: Poly) -> int:
    """1 or -1, opposite for a polynomial and its negative, and 0 where only names could decide.

    It does not depend on what the free indices are called, so that a sum may call them anew.
    """
    groups: dict[str, list[Fraction]] = {}
    blank = {i: Index("?", i.axis) for i in poly.free}
    for monomial, coefficient in poly.terms.items():
        shape = monomial_key(renamed_monomial(monomial, blank)[0])
        groups.setdefault(shape, []).append(coefficient)
    for _, coefficients in sorted(groups.items()):
        here, there = sorted(coefficients), sorted(-c for c in coefficients)
        if here != there:
            return 1 if here > there else -1
    return 0


def leads_negative(poly: Poly) -> bool:
    """Whether the first monomial, in the order of keys, has a negative coefficient."""
    return bool(poly.terms) and poly.terms[min(poly.terms, key=monomial_key)] < 0


@lru_cache(maxsize=8192)
def is_unsettled(atom: Atom) -> bool:
    """Whether a function of an argument that has no direction of its own occurs outside sums.

    Such as tanh(x - y): which of the two differences stands for both, only names can say.
    """
    if atom.kind not in ("apply", "poly"):
        return False
    assert atom.inner is not None
    reflected = atom.kind == "poly" or (atom.order == 0 and atom.name in REFLECTED)
    if reflected and direction(atom.inner) == 0:
        return True
    return any(is_unsettled(a) for m in atom.inner.terms for a, _ in m)


def odd(function: str, argument: Poly) -> Poly:
    """An odd function of a polynomial, at whichever of the two arguments has direction 1."""
    if argument.is_zero:
        return ZERO_POLY
    if direction(argument) < 0:
        flipped = function_of(function, argument.scaled(Fraction(-1)))
        return flipped.scaled(Fraction(-1))
    return function_of(function, argument)
