"""The names of indices in polynomials: other names for free ones, canonical ones for bound ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction

from backproof.spec.normal_form.canonical import Factor, canonical_order
from backproof.spec.normal_form.polynomial import BINDING, Atom, Monomial, Poly, reduced
from backproof.spec.terms import Index


def renamed(poly: Poly, names: Mapping[Index, Index]) -> Poly:
    """A polynomial with other names for free indices."""
    if not poly.free & names.keys():
        return poly
    terms: dict[Monomial, Fraction] = {}
    for monomial, coefficient in poly.terms.items():
        moved, extra = renamed_monomial(monomial, names)
        terms[moved] = terms.get(moved, Fraction(0)) + coefficient * extra
    return Poly(terms)


def renamed_monomial(monomial: Monomial, names: Mapping[Index, Index]) -> tuple[Monomial, Fraction]:
    """A monomial with other names for free indices, and the number that comes out of it."""
    exponents: dict[Atom, Fraction] = {}
    for atom, exponent in monomial:
        moved = renamed_atom(atom, names)
        exponents[moved] = exponents.get(moved, Fraction(0)) + exponent
    return reduced(exponents)


def renamed_atom(atom: Atom, names: Mapping[Index, Index]) -> Atom:
    """An atom with other names for free indices."""
    names = {old: new for old, new in names.items() if old in atom.free and old != new}
    if not names:
        return atom
    if atom.kind == "delta":
        left, right = sorted(names.get(i, i) for i in atom.indices)
        return Atom("delta", atom.name, indices=(left, right))
    if atom.kind in ("entry", "match"):
        return replace(atom, indices=tuple(names.get(i, i) for i in atom.indices))
    assert atom.inner is not None
    if atom.kind == "hardmax":
        over, at = atom.indices
        inner = renamed(atom.inner, {old: new for old, new in names.items() if old != over})
        return along_atom("hardmax", over, inner, names.get(at, at))
    inner = renamed(atom.inner, names)
    if atom.kind == "sum":
        # The order of the bound indices may rest on the names of the free ones.
        ((monomial, _),) = inner.terms.items()
        return sum_atom(atom.indices, monomial)
    if atom.kind in BINDING:
        return along_atom(atom.kind, atom.indices[0], inner)
    return replace(atom, inner=inner)


def sum_atom(bound: tuple[Index, ...], factors: Monomial) -> Atom:
    """The sum of one connected monomial, its bound indices labelled canonically."""
    marks = [Factor(_key_of(a, e), a.free & frozenset(bound)) for a, e in factors]
    # Every name made here carries the height: the factors may hold sums that are labelled anew
    # under these names, with names of their own, and the two must never meet.
    height = 1 + max(a.height for a, _ in factors)
    order = canonical_order(bound, marks, str(height))
    names = {old: Index(f"${height}.{k}", old.axis) for k, old in enumerate(order)}
    # Through names that nothing uses, so that renaming never merges two indices.
    middle = {old: Index(f"%{height}.{k}", old.axis) for k, old in enumerate(order)}
    final = {middle[old]: names[old] for old in order}
    moved = {renamed_atom(renamed_atom(a, middle), final): e for a, e in factors}
    monomial = tuple(sorted(moved.items(), key=lambda pair: pair[0].key))
    return Atom("sum", indices=tuple(names[i] for i in order), inner=Poly({monomial: Fraction(1)}))


def _key_of(atom: Atom, exponent: Fraction) -> Callable[[Mapping[Index, Index]], str]:
    return lambda names: f"{renamed_atom(atom, names).key}^{exponent}"


def along_atom(kind: str, over: Index, inner: Poly, at: Index | None = None) -> Atom:
    """A product, max or hardmax over one index, under a name that says how deep it stands."""
    height = 1 + inner.height
    name = Index(f"${height}.0", over.axis)
    middle = Index(f"%{height}.0", over.axis)
    inner = renamed(renamed(inner, {over: middle}), {middle: name})
    return Atom(kind, indices=(name,) if at is None else (name, at), inner=inner)
