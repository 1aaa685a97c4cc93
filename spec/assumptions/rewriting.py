"""Rewriting terms under a condition: a size that is known, a tensor that is symmetric or zero."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from backproof.spec.functions import X, derivative_in_x, replace_x
from backproof.spec.terms import (
    ONE,
    Apply,
    Binder,
    Delta,
    Entry,
    Hardmax,
    Index,
    Match,
    Size,
    Softmax,
    Sum,
    Term,
    add,
    delta,
    entry,
    hardmax,
    match,
    mul,
    number,
    rebuild,
    softmax,
    substitute,
    total,
)

Rewriting = Callable[[Term], Term]


def _everywhere(change: Callable[[Term, Rewriting], Term]) -> Rewriting:
    """A rewriting from one of a node; that goes on to other nodes by calling its second argument.

    Each node is looked at once, however often it occurs.
    """

    def rewriting(term: Term) -> Term:
        known: dict[Term, Term] = {}

        def on(node: Term) -> Term:
            if node not in known:
                known[node] = change(node, on)
            return known[node]

        return on(term)

    return rewriting


def replacing(old: Term, new: Term) -> Rewriting:
    """One term in place of another, wherever it stands."""
    return _everywhere(lambda node, on: new if node is old else rebuild(node, on))


def symmetric(tensor: str) -> Rewriting:
    """In place of each entry the mean of it and its mirror image: a symmetric tensor has both."""

    def change(node: Term, on: Rewriting) -> Term:
        if isinstance(node, Entry) and node.tensor == tensor:
            mirrored = entry(tensor, node.indices[::-1])
            return mul(number(Fraction(1, 2)), add(node, mirrored))
        return rebuild(node, on)

    return _everywhere(change)


def with_entries(pattern: Entry, value: Term) -> Rewriting:
    """A value in place of every entry of a tensor, given at the indices of one of them."""

    def change(node: Term, on: Rewriting) -> Term:
        if isinstance(node, Entry) and node.tensor == pattern.tensor:
            return substitute(value, dict(zip(pattern.indices, node.indices, strict=True)))
        return rebuild(node, on)

    return _everywhere(change)


def with_function(name: str, argument: Entry, value: Term) -> Rewriting:
    """A function given by a formula, and its derivatives by those of the formula."""
    in_x = replacing(argument, X)(value)

    def change(node: Term, on: Rewriting) -> Term:
        if isinstance(node, Apply) and node.function == name:
            formula = in_x
            for _ in range(node.order):
                formula = derivative_in_x(formula)
            return replace_x(formula, on(node.argument))
        return rebuild(node, on)

    return _everywhere(change)


def at_one(axis: str) -> Rewriting:
    """Terms where an axis has one entry: every index along it is the same one."""
    only = Index("_", axis)

    def index(old: Index) -> Index:
        return only if old.axis == axis else old

    def change(node: Term, on: Rewriting) -> Term:
        if isinstance(node, Size):
            return ONE if node.axis == axis else node
        if isinstance(node, Entry):
            return entry(node.tensor, map(index, node.indices))
        if isinstance(node, Delta):
            return delta(index(node.left), index(node.right))
        if isinstance(node, Match):
            return match(index(node.left), ((index(i), f) for i, f in node.parts), node.offset)
        if isinstance(node, Sum):
            return total((i for i in node.indices if i.axis != axis), on(node.body))
        if isinstance(node, Hardmax):
            if node.index.axis == axis:
                return ONE
            return hardmax(index(node.at), node.index, on(node.body))
        if isinstance(node, Softmax):
            return ONE if node.index.axis == axis else softmax(node.index, on(node.body))
        if isinstance(node, Binder) and node.bound[0].axis == axis:
            # The product, the largest and the logarithm of the sum of exponentials of one value.
            return on(node.body)
        return rebuild(node, on)

    return _everywhere(change)
