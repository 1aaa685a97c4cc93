"""Denominators that are sums of several terms: which there are, and multiplying by them."""

from __future__ import annotations

from fractions import Fraction

from backproof.spec.normal_form.budget import budgeted
from backproof.spec.normal_form.polynomial import Atom, Poly, atom_poly, joined, reduced
from backproof.spec.normal_form.powers import raised


def cleared(poly: Poly) -> tuple[Poly, tuple[Poly, ...]]:
    """The polynomial times its denominators, and the denominators that are not known positive.

    It is zero wherever the polynomial is, and elsewhere only where a denominator is zero.
    """
    assumed: list[Poly] = []
    with budgeted():
        return _cleared(poly, assumed), tuple(assumed)


def _cleared(poly: Poly, assumed: list[Poly]) -> Poly:
    while True:
        below: dict[Atom, Fraction] = {}
        for monomial in poly.terms:
            for atom, exponent in monomial:
                if atom.kind == "poly" and exponent < 0:
                    below[atom] = min(exponent, below.get(atom, Fraction(0)))
        if not below:
            return poly
        atom = min(below, key=lambda a: a.key)
        assert atom.inner is not None
        whole = below[atom].numerator // below[atom].denominator
        parts: list[Poly] = []
        for monomial, coefficient in poly.terms.items():
            exponents = dict(monomial)
            left = exponents.pop(atom, Fraction(0)) - whole
            rest, extra = reduced(exponents)
            turns = left.numerator // left.denominator
            part = Poly({rest: coefficient * extra})
            if left - turns:
                part = part * atom_poly(atom, left - turns)
            parts.append(part * raised(atom.inner, Fraction(turns)))
        poly = joined(parts)
        if not atom.inner.positive:
            assumed.append(atom.inner)


def denominators(poly: Poly) -> frozenset[Poly]:
    """The sums of several terms that stand below the line, outside of other sums."""
    return frozenset(
        a.inner
        for m in poly.terms
        for a, e in m
        if a.kind == "poly" and e < 0 and a.inner is not None
    )
