"""Operators along an axis of a small declared size, written out place by place.

``mean[k](X[n,2*t+k])`` with ``k = 2`` is (X[n,2*t] + X[n,2*t+1])/2: an index that stands in affine
positions alone becomes a number in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from backproof.spec.terms import (
    Add,
    Binder,
    Hardmax,
    Index,
    Match,
    Max,
    Sum,
    Term,
    add,
    match,
    negative,
    rebuild,
    total,
    walk,
    where,
)

# A longer axis would make more terms than it helps to have.
LARGEST = 4


def unrolled(term: Term, sizes: Mapping[str, int]) -> Term:
    """A term with the sums and largest values over small axes written out where they can be.

    Args:
        term: the term.
        sizes: the declared sizes, by axis.
    """
    small = {axis: size for axis, size in sizes.items() if size <= LARGEST}

    def on(node: Term) -> Term:
        node = rebuild(node, on)
        if isinstance(node, Sum):
            return _sum(node, small)
        if isinstance(node, Max) and _is_in_positions(node.index, node.body, small):
            return _largest(node, small[node.index.axis])
        return node

    return on(term) if small else term


def _sum(node: Sum, sizes: Mapping[str, int]) -> Term:
    body, kept = node.body, []
    for index in node.indices:
        if _is_in_positions(index, body, sizes):
            body = add(*(_at(body, index, place) for place in range(sizes[index.axis])))
        else:
            kept.append(index)
    if isinstance(body, Add) and len(kept) < len(node.indices):
        return add(*(total(kept, part) for part in body.terms))
    return total(kept, body)


def _largest(node: Max, size: int) -> Term:
    largest = _at(node.body, node.index, 0)
    for place in range(1, size):
        other = _at(node.body, node.index, place)
        largest = where(add(largest, negative(other)), largest, other)
    return largest


def _is_in_positions(index: Index, body: Term, sizes: Mapping[str, int]) -> bool:
    """Whether an index on a small axis occurs, and only as a part of affine positions."""
    if index.axis not in sizes or index not in body.free:
        return False
    for node in walk(body):
        if isinstance(node, Match):
            elsewhere = node.left == index
        elif isinstance(node, Binder):
            elsewhere = index in node.bound or (isinstance(node, Hardmax) and node.at == index)
        else:
            elsewhere = not node.children and index in node.free
        if elsewhere:
            return False
    return True


def _at(term: Term, index: Index, place: int) -> Term:
    """A term with a number in place of an index that is in positions alone."""
    if index not in term.free:
        return term
    if isinstance(term, Match):
        rest = [(i, factor) for i, factor in term.parts if i != index]
        return match(term.left, rest, term.offset + dict(term.parts)[index] * place)
    on: Callable[[Term], Term] = lambda child: _at(child, index, place)  # noqa: E731
    return rebuild(term, on)
