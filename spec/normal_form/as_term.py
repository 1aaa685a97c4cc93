"""A polynomial as a term, the way back from a normal form."""

from __future__ import annotations

from backproof.spec.normal_form.polynomial import Atom, Poly, monomial_key
from backproof.spec.terms import (
    Term,
    add,
    apply,
    constant,
    delta,
    entry,
    hardmax,
    match,
    max_over,
    mul,
    number,
    power,
    product_over,
    size,
    total,
)


def as_term(poly: Poly) -> Term:
    """A term whose normal form is the polynomial; bound indices keep their canonical names."""

    def on_atom(atom: Atom) -> Term:
        if atom.kind == "entry":
            return entry(atom.name, atom.indices)
        if atom.kind == "delta":
            return delta(*atom.indices)
        if atom.kind == "match":
            left, *parts = atom.indices
            return match(left, zip(parts, atom.factors, strict=True), int(atom.name))
        if atom.kind == "size":
            return size(atom.name)
        if atom.kind == "constant":
            return constant(atom.name)
        if atom.kind == "radical":
            return number(atom.order)
        assert atom.inner is not None
        inner = as_term(atom.inner)
        if atom.kind == "sum":
            return total(atom.indices, inner)
        if atom.kind == "prod":
            return product_over(atom.indices[0], inner)
        if atom.kind == "max":
            return max_over(atom.indices[0], inner)
        if atom.kind == "hardmax":
            return hardmax(atom.indices[1], atom.indices[0], inner)
        return apply(atom.name, inner, atom.order) if atom.kind == "apply" else inner

    return add(
        *(
            mul(number(c), *(power(on_atom(a), e) for a, e in m))
            for m, c in sorted(poly.terms.items(), key=lambda pair: monomial_key(pair[0]))
        )
    )
