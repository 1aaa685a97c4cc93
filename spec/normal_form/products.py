"""Products of polynomials over an index.

Relations used:
    the product over i of a_i b_i is that of a_i times that of b_i
    the product over i of exp(a_i) is exp of the sum of a_i
    the product over all but one is the product over all, divided by the one
"""

from __future__ import annotations

from fractions import Fraction

from backproof.spec.normal_form.labelling import along_atom, renamed
from backproof.spec.normal_form.polynomial import ONE_POLY, Atom, Poly, atom_poly, constant_poly
from backproof.spec.normal_form.powers import raised
from backproof.spec.normal_form.relations import exp
from backproof.spec.normal_form.sums import Afresh, summed
from backproof.spec.terms import Index


def product_along(index: Index, body: Poly, afresh: Afresh) -> Poly:
    """The product of a polynomial over an index, factor by factor."""
    if body.is_zero or len(body.terms) > 1:
        return _all_but_one(index, body, afresh) or atom_poly(along_atom("prod", index, body))
    ((monomial, coefficient),) = body.terms.items()
    result = ONE_POLY
    if coefficient != 1:
        result = result * atom_poly(along_atom("prod", index, constant_poly(coefficient)))
    for atom, exponent in monomial:
        if atom.is_plain("exp") and atom.inner is not None:
            result = result * exp(summed((index,), atom.inner.scaled(exponent), afresh))
            continue
        whole = exponent.denominator == 1
        inner = atom_poly(atom) if whole else atom_poly(atom, exponent)
        along = along_atom("prod", index, inner)
        result = result * atom_poly(along, exponent if whole else Fraction(1))
    return result


def _all_but_one(index: Index, body: Poly, afresh: Afresh) -> Poly | None:
    """The product over j of delta(i,j) + (1 - delta(i,j)) b(j): that of b, over b(i).

    Only for a polynomial b in entries and analytic functions: it is not zero on an open set, so
    that what holds where it is not zero holds everywhere.
    """
    deltas = {a for m in body.terms for a, _ in m if a.kind == "delta" and index in a.indices}
    if len(deltas) != 1:
        return None
    (here,) = deltas
    other = next(i for i in here.indices if i != index)
    beside = [m for m in body.terms if any(a == here for a, _ in m)]
    rest = Poly({m: c for m, c in body.terms.items() if m not in beside})
    if rest + (ONE_POLY - rest) * atom_poly(here) != body or other in rest.free:
        return None
    if any(_jumps(a) for m in rest.terms for a, _ in m):
        return None
    return product_along(index, rest, afresh) * raised(renamed(rest, {index: other}), Fraction(-1))


def _jumps(atom: Atom) -> bool:
    if atom.kind in ("delta", "match", "hardmax", "max"):
        return True
    if atom.kind == "apply" and atom.name in ("step", "sign", "abs", "relu"):
        return True
    return atom.inner is not None and any(_jumps(a) for m in atom.inner.terms for a, _ in m)
