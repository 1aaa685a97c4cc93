"""Rewriting a term until no delta is left that a sum could contract; nothing else is changed."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from backproof.spec.terms import (
    ONE,
    ZERO,
    Add,
    Delta,
    Index,
    Mul,
    Number,
    Power,
    Size,
    Sum,
    Term,
    Where,
    add,
    fresh,
    indices_in,
    mul,
    number,
    power,
    rebuild,
    size,
    substitute,
    total,
    walk,
    where,
)


@lru_cache(maxsize=8192)
def contract(term: Term) -> Term:
    """The term with deltas contracted, constant factors in front of sums, zero terms dropped.

    Uses only: sum_j delta(i,j) f(j) = f(i); a sum of a sum splits; a factor that a sum does not
    bind moves in front of it; a sum over an index that does not occur counts its axis.
    """
    term = rebuild(term, contract)
    if isinstance(term, Sum):
        return _sum(term.indices, term.body)
    if isinstance(term, Where):
        return _where(term)
    return term


def _where(term: Where) -> Term:
    """The deltas of the two branches in front, so that a sum around can contract them.

    Uses only: a factor of both branches (or of one, the other being 0) moves in front; a branch
    that is a sum splits into one condition for each part.
    """
    branches = (term.above, term.below)
    deltas = [_deltas(branch) for branch in branches if branch is not ZERO]
    shared = [d for d in deltas[0] if all(d in found for found in deltas)]
    if shared:
        above, below = (_without(branch, shared) for branch in branches)
        return mul(*shared, where(term.test, above, below))
    if not any(isinstance(n, Delta) for branch in branches for n in walk(branch)):
        return term
    parts = [
        (part, side)
        for side, branch in enumerate(branches)
        if branch is not ZERO
        for part in (branch.terms if isinstance(branch, Add) else (branch,))
    ]
    if len(parts) == 1:
        return term
    split = (
        where(term.test, *((part, ZERO) if side == 0 else (ZERO, part))) for part, side in parts
    )
    return add(*(_where(part) if isinstance(part, Where) else part for part in split))


def _deltas(branch: Term) -> list[Term]:
    factors = branch.factors if isinstance(branch, Mul) else (branch,)
    if isinstance(branch, Add):
        first, *rest = map(_deltas, branch.terms)
        return [d for d in first if all(d in found for found in rest)]
    return [f for f in factors if isinstance(f, Delta)]


def _without(branch: Term, shared: list[Term]) -> Term:
    if isinstance(branch, Add):
        return add(*(_without(part, shared) for part in branch.terms))
    factors = branch.factors if isinstance(branch, Mul) else (branch,)
    return mul(*(f for f in factors if f not in shared))


def _sum(indices: tuple[Index, ...], body: Term) -> Term:
    if not indices:
        return body
    body = _expose(body, frozenset(indices))
    if isinstance(body, Add) and any(isinstance(node, Delta) for node in walk(body)):
        return add(*(_sum(indices, part) for part in body.terms))
    factors = list(body.factors) if isinstance(body, Mul) else [body]
    # Sums among the factors join this one when they hold a delta that it can contract.
    for k, factor in enumerate(factors):
        if isinstance(factor, Sum) and _contractible(factor.body, frozenset(indices)):
            rest = mul(*factors[:k], *factors[k + 1 :])
            outer = set(indices) | indices_in(rest)
            taken = outer | indices_in(factor)
            change: dict[Index, Index] = {}
            for index in factor.indices:
                if index in outer:
                    change[index] = fresh(index, taken)
                    taken.add(change[index])
            inner = substitute(factor.body, change)
            merged = tuple(change.get(i, i) for i in factor.indices)
            return _sum(indices + merged, mul(*factors[:k], inner, *factors[k + 1 :]))
    for k, factor in enumerate(factors):
        if isinstance(factor, Delta):
            for bound, kept in ((factor.left, factor.right), (factor.right, factor.left)):
                if bound in indices:
                    rest = substitute(mul(*factors[:k], *factors[k + 1 :]), {bound: kept})
                    return contract(_sum(tuple(i for i in indices if i != bound), rest))
    counted = [i for i in indices if i not in body.free]
    indices = tuple(i for i in indices if i in body.free)
    outside = [f for f in factors if not f.free & set(indices)]
    inside = [f for f in factors if f.free & set(indices)]
    return mul(*outside, *(size(i.axis) for i in counted), total(indices, mul(*inside)))


def _contractible(body: Term, indices: frozenset[Index]) -> bool:
    return any(isinstance(node, Delta) and {node.left, node.right} & indices for node in walk(body))


def _expose(body: Term, indices: frozenset[Index]) -> Term:
    """Multiply out the sums among the factors that hold a delta with one of the indices."""
    if not isinstance(body, Mul):
        return body
    for k, factor in enumerate(body.factors):
        if isinstance(factor, Add) and _contractible(factor, indices):
            rest = (*body.factors[:k], *body.factors[k + 1 :])
            return add(*(_expose(mul(part, *rest), indices) for part in factor.terms))
    return body


def collect(term: Term) -> Term:
    """The term with the factors that all parts of a sum share written once, in front.

    Equal parts are counted: x + x is 2*x.
    """
    if not isinstance(term, Add):
        return term
    parts = [list(p.factors) if isinstance(p, Mul) else [p] for p in term.terms]
    shared: list[Term] = []
    for factor in parts[0]:
        if isinstance(factor, (Number, Size)):
            continue
        wanted = shared.count(factor) + 1
        if all(part.count(factor) >= wanted for part in parts):
            shared.append(factor)
    if not shared:
        return _count(term)
    for part in parts:
        for factor in shared:
            part.remove(factor)
    return mul(*shared, _count(add(*(mul(*part) for part in parts))))


def _count(term: Term) -> Term:
    if not isinstance(term, Add):
        return term
    counts: dict[Term, Number] = {}
    for part in term.terms:
        factors = part.factors if isinstance(part, Mul) else (part,)
        coefficient = factors[0] if isinstance(factors[0], Number) else ONE
        rest = mul(*factors[1:]) if isinstance(factors[0], Number) else part
        if isinstance(part, Number):
            coefficient, rest = part, ONE
        counts[rest] = number(counts.get(rest, number(0)).value + coefficient.value)
    return add(*(mul(c, rest) for rest, c in counts.items()))


def gather_powers(term: Term) -> Term:
    """Repeated factors of a product as powers: x*x is x^2, and x^(1/2)*x is x^(3/2).

    Powers above and below the line are kept apart, since x/x is 1 only where x is not 0.
    """
    term = rebuild(term, gather_powers)
    if not isinstance(term, Mul):
        return term
    exponents: dict[tuple[Term, bool], Fraction] = {}
    for factor in term.factors:
        base, exponent = (
            (factor.base, factor.exponent) if isinstance(factor, Power) else (factor, Fraction(1))
        )
        key = (base, exponent > 0)
        exponents[key] = exponents.get(key, Fraction(0)) + exponent
    return mul(*(power(base, exponent) for (base, _), exponent in exponents.items()))
