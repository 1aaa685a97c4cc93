"""Largest values of polynomials over an index, and where they are.

Relations used:
    max_i(a + b_i) = a + max_i(b_i);  max_i(c a_i) = c max_i(a_i) for c > 0;  so for hardmax
    max_i(a_i) is the sum over i of hardmax_i(a) a_i
"""

from __future__ import annotations

from backproof.spec.normal_form.factors import content
from backproof.spec.normal_form.labelling import along_atom, renamed
from backproof.spec.normal_form.polynomial import Poly, atom_poly
from backproof.spec.normal_form.sums import Afresh, summed
from backproof.spec.terms import Index


def largest_along(index: Index, body: Poly, afresh: Afresh) -> Poly:
    """The largest value of a polynomial over an index."""
    apart, inside = _split(index, body)
    if inside.is_zero:
        return body
    number_ = content(inside)
    inner = inside.scaled(1 / number_)
    # max_k(z_k) is the sum over k of hardmax_k(z) z_k, whatever z is a sum of.
    at = Index("&at", index.axis)
    chosen = atom_poly(along_atom("hardmax", index, inner, at)) * renamed(inner, {index: at})
    return summed((at,), chosen, afresh).scaled(number_) + apart


def hardmax_along(at: Index, over: Index, body: Poly) -> Poly:
    """The share of a position in the largest value of a polynomial over an index."""
    inside = _split(over, body)[1]
    if not inside.is_zero:
        inside = inside.scaled(1 / content(inside))
    return atom_poly(along_atom("hardmax", over, inside, at))


def _split(index: Index, body: Poly) -> tuple[Poly, Poly]:
    """The terms without an index, and those with it."""
    inside = {m: c for m, c in body.terms.items() if any(index in a.free for a, _ in m)}
    return Poly({m: c for m, c in body.terms.items() if m not in inside}), Poly(inside)
