"""Sums of polynomials over indices.

A sum is split into connected parts that do not share a bound index, and sums among its factors are
opened, so that sum_j(sum_i(a_ij) b_j) and sum_ij(a_ij b_j) are one form.

Relations used:  sum_j delta(i,j) f(j) = f(i);  the shares of a hardmax add up to 1
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction

from backproof.spec.normal_form.as_term import as_term
from backproof.spec.normal_form.contraction import contract
from backproof.spec.normal_form.labelling import renamed_atom, sum_atom
from backproof.spec.normal_form.polynomial import Atom, Poly, atom_poly, joined, reduced
from backproof.spec.normal_form.signs import Sign
from backproof.spec.terms import Index, Term, total

# Takes a term to its normal form.
Afresh = Callable[[Term], Poly]

# A higher power of a sum stays shut: each of its copies would need indices of its own.
MAX_COPIES = 3


def summed(indices: Iterable[Index], body: Poly, afresh: Afresh) -> Poly:
    """The sum of a polynomial over indices.

    Args:
        indices: those that it binds.
        body: what is summed.
        afresh: takes a term to its normal form; a delta that a sum contracts makes two indices
            one, after which functions may reduce further.
    """
    indices = tuple(indices)
    parts: list[Poly] = []
    for monomial, coefficient in body.terms.items():
        if any(a.kind == "delta" and e == 1 and a.free & set(indices) for a, e in monomial):
            # A power that was multiplied out brought a delta to light.
            whole = total(indices, as_term(Poly({monomial: Fraction(1)})))
            parts.append(afresh(contract(whole)).scaled(coefficient))
            continue
        outside = {a: e for a, e in monomial if not a.free & set(indices)}
        inside = [(a, e) for a, e in monomial if a.free & set(indices)]
        opened, every = _opened(inside, indices)
        kept = _without_single_places(opened, every)
        placed = {_place_of(a) for a in opened if a not in kept}
        for index in every:
            if index not in placed and not any(index in a.free for a in kept):
                axis = Atom("size", index.axis)
                outside[axis] = outside.get(axis, Fraction(0)) + 1
        factors, extra = reduced(outside)
        inside_factors, more = reduced(kept)
        part = Poly({factors: coefficient * extra * more})
        for connected in _components(list(inside_factors), frozenset(every)):
            bound = tuple(i for i in every if any(i in a.free for a, _ in connected))
            part = part * atom_poly(sum_atom(bound, tuple(connected)))
        parts.append(part)
    return joined(parts)


def _without_single_places(
    factors: Mapping[Atom, Fraction], bound: tuple[Index, ...]
) -> dict[Atom, Fraction]:
    """Without what sums to 1 over an index that stands nowhere else.

    A match over its left index, whose position lies on its axis, so that exactly one place
    matches; the shares of a hardmax over its position.
    """
    kept = dict(factors)
    # A match may be all that keeps the index of a hardmax.
    for atom in sorted(factors, key=lambda a: a.kind != "match"):
        index = _place_of(atom) if factors[atom] == 1 else None
        if index in bound and not any(index in a.free for a in kept if a != atom):
            del kept[atom]
    return kept


def _place_of(atom: Atom) -> Index | None:
    """The index over which an atom sums to 1; None where there is none."""
    if atom.kind == "match" and atom.sign is Sign.POSITIVE:
        left, *parts = atom.indices
        return None if left in parts else left
    if atom.kind == "hardmax" and atom.inner is not None:
        over, at = atom.indices
        return None if at in atom.inner.free - {over} else at
    return None


def _opened(
    factors: list[tuple[Atom, Fraction]], bound: tuple[Index, ...]
) -> tuple[dict[Atom, Fraction], tuple[Index, ...]]:
    """The factors of a sum with the sums among them opened, and all indices that are then bound.

    So sum_j(sum_i(a_ij) b_j) and sum_ij(a_ij b_j) are one form. A high power of a sum stays shut:
    each of its copies would need indices of its own.
    """
    exponents: dict[Atom, Fraction] = {}
    every = list(bound)
    for atom, exponent in factors:
        copies = int(exponent) if exponent.denominator == 1 else 0
        if atom.kind != "sum" or not 1 <= copies <= MAX_COPIES:
            exponents[atom] = exponents.get(atom, Fraction(0)) + exponent
            continue
        assert atom.inner is not None
        ((monomial, _),) = atom.inner.terms.items()
        for _ in range(copies):
            names = {i: Index(f"&{len(every) + k}", i.axis) for k, i in enumerate(atom.indices)}
            every += names.values()
            for inner, power_ in monomial:
                moved = renamed_atom(inner, names)
                exponents[moved] = exponents.get(moved, Fraction(0)) + power_
    return exponents, tuple(every)


def _components(
    factors: list[tuple[Atom, Fraction]], bound: frozenset[Index]
) -> list[list[tuple[Atom, Fraction]]]:
    """The factors in groups that share no bound index."""
    groups: list[tuple[set[Index], list[tuple[Atom, Fraction]]]] = []
    for factor in factors:
        indices = set(factor[0].free & bound)
        members = [factor]
        apart = []
        for group in groups:
            if group[0] & indices:
                indices |= group[0]
                members = group[1] + members
            else:
                apart.append(group)
        groups = [*apart, (indices, members)]
    return [members for _, members in groups]
