"""Polynomials with other values for atoms, or for sums of an entry over one of its indices."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from backproof.spec.normal_form.normal import unsettled_form
from backproof.spec.normal_form.polynomial import (
    Atom,
    Monomial,
    Poly,
    atom_poly,
    constant_poly,
    joined,
)
from backproof.spec.normal_form.powers import raised
from backproof.spec.normal_form.sums import summed
from backproof.spec.terms import Index


def with_values(poly: Poly, values: Mapping[Atom, Poly]) -> Poly:
    """The polynomial with other values for atoms that stand outside of sums and functions."""
    parts: list[Poly] = []
    for monomial, coefficient in poly.terms.items():
        part = Poly({tuple((a, e) for a, e in monomial if a not in values): coefficient})
        for atom, exponent in monomial:
            if atom in values:
                part = part * raised(values[atom], exponent)
        parts.append(part)
    return joined(parts)


def with_marginals(poly: Poly, pattern: Atom, value: Poly) -> Poly:
    """The polynomial where a sum of one entry over one of its indices has a constant value.

    Also inside of other sums: in sum_nk(Y[n,k] Z[n]) the index k stands at Y alone.

    Args:
        poly: the polynomial.
        pattern: the sum, such as sum_k(Y[n,k]); one of another form changes nothing.
        value: what it is for all values of its free indices; itself without indices.
    """
    assert pattern.inner is not None
    ((monomial, _),) = pattern.inner.terms.items()
    (tensor, exponent), *more = monomial
    if more or exponent != 1 or tensor.kind != "entry" or len(pattern.indices) != 1:
        return poly
    place = tensor.indices.index(pattern.indices[0])
    parts: list[Poly] = []
    for outer, coefficient in poly.terms.items():
        part = constant_poly(coefficient)
        for atom, power_ in outer:
            whole = power_.denominator == 1 and power_ > 0
            found = _marginal(atom, tensor.name, place) if whole else None
            if found is None:
                part = part * atom_poly(atom, power_)
            else:
                indices, rest = found
                left = summed(indices, Poly({rest: Fraction(1)}), unsettled_form)
                inside = with_marginals(left, pattern, value)
                part = part * raised(value * inside, power_)
        parts.append(part)
    return joined(parts)


def _marginal(atom: Atom, tensor: str, place: int) -> tuple[tuple[Index, ...], Monomial] | None:
    """A sum without the entries of a tensor whose index at the place stands nowhere else in it."""
    if atom.kind != "sum" or atom.inner is None:
        return None
    ((monomial, _),) = atom.inner.terms.items()
    for found, exponent in monomial:
        if found.kind != "entry" or found.name != tensor or exponent != 1:
            continue
        index = found.indices[place]
        elsewhere = [i for k, i in enumerate(found.indices) if k != place]
        elsewhere += [i for other, _ in monomial if other != found for i in other.free]
        if index in atom.indices and index not in elsewhere:
            rest = tuple((a, e) for a, e in monomial if a != found)
            return tuple(i for i in atom.indices if i != index), rest
    return None
