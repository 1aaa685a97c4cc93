"""Operators along an axis of a small declared size, written out place by place.

``mean[k](X[n,2*t+k])`` with ``k = 2`` is (X[n,2*t] + X[n,2*t+1])/2: an index that stands in affine
positions alone becomes a number in them. The share of a place in a largest value is then a product
of steps, apart from ties.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    apply,
    match,
    mul,
    negative,
    rebuild,
    total,
    walk,
    where,
)

# A longer axis would make more terms than it helps to have.
LARGEST = 4


@dataclass(frozen=True)
class Unrolled:
    """A term that is written out.

    Attributes:
        term: the term.
        ties: what may not be zero for it to be the same.
    """

    term: Term
    ties: tuple[Term, ...] = ()


def unrolled(term: Term, sizes: Mapping[str, int]) -> Unrolled:
    """A term with the sums and largest values over small axes written out where they can be.

    Args:
        term: the term.
        sizes: the declared sizes, by axis.
    """
    small = {axis: size for axis, size in sizes.items() if size <= LARGEST}
    return _Unroller(small).unrolled(term) if small else Unrolled(term)


class _Unroller:
    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.ties: dict[Term, None] = {}

    def unrolled(self, term: Term) -> Unrolled:
        return Unrolled(self.on(term), tuple(self.ties))

    def on(self, node: Term) -> Term:
        node = rebuild(node, self.on)
        if isinstance(node, Sum):
            return self.sum(node)
        if isinstance(node, Max) and _is_in_positions(node.index, node.body, self.sizes):
            largest, *others = self.places(node)
            for other in others:
                largest = where(add(largest, negative(other)), largest, other)
            return largest
        return node

    def sum(self, node: Sum) -> Term:
        body, kept = node.body, []
        for index in node.indices:
            if _is_in_positions(index, body, self.sizes):
                size = self.sizes[index.axis]
                body = add(*(self.at(body, index, place) for place in range(size)))
            else:
                kept.append(index)
        if isinstance(body, Add) and len(kept) < len(node.indices):
            return add(*(total(kept, part) for part in body.terms))
        return total(kept, body)

    def places(self, node: Max | Hardmax) -> list[Term]:
        return [self.at(node.body, node.index, k) for k in range(self.sizes[node.index.axis])]

    def at(self, term: Term, index: Index, place: int) -> Term:
        """A term with a number in place of an index that is in positions alone."""
        if index not in term.free:
            return term
        if isinstance(term, Match):
            rest = [(i, factor) for i, factor in term.parts if i != index]
            return match(term.left, rest, term.offset + dict(term.parts)[index] * place)
        if isinstance(term, Hardmax) and term.at == index:
            return self.share(term, place)
        return rebuild(term, lambda child: self.at(child, index, place))

    def share(self, node: Hardmax, place: int) -> Term:
        """1 where a place has more than every other place; no more than that apart from ties."""
        values = self.places(node)
        leads = [
            add(values[place], negative(value)) for k, value in enumerate(values) if k != place
        ]
        # Both signs of a tie are zero at once: one of them stands for both.
        self.ties |= dict.fromkeys(
            add(values[min(k, place)], negative(values[max(k, place)]))
            for k in range(len(values))
            if k != place
        )
        return mul(*(apply("step", lead) for lead in leads))


def _is_in_positions(index: Index, body: Term, sizes: Mapping[str, int]) -> bool:
    """Whether an index on a small axis occurs, and only as a part of affine positions."""
    if index.axis not in sizes or index not in body.free:
        return False
    for node in walk(body):
        if isinstance(node, Match):
            elsewhere = node.left == index
        elif isinstance(node, Hardmax) and node.at == index:
            alone = _is_in_positions(node.index, node.body, sizes)
            elsewhere = index in node.body.free or not alone
        elif isinstance(node, Binder):
            elsewhere = index in node.bound
        else:
            elsewhere = not node.children and index in node.free
        if elsewhere:
            return False
    return True
