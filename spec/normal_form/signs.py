"""What is known of the signs of tensors' entries: assumed, or because a term has a value at all.

Where log(x) or a root of x has a value, x is not negative. Two sides of a claim are compared where
both have one, so what the one needs may be used in the other: log(x*y) = log(x) + log(y).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from backproof.spec.functions import FUNCTIONS
from backproof.spec.program import Assumption
from backproof.spec.terms import (
    ZERO,
    Add,
    Apply,
    Binder,
    Constant,
    Entry,
    Hardmax,
    Index,
    Match,
    Mul,
    Number,
    Power,
    Size,
    Term,
    Where,
    add,
    negative,
)


class Sign(IntEnum):
    """What is known of a number's sign."""

    UNKNOWN = 0
    NOT_NEGATIVE = 1
    POSITIVE = 2


# The indices of an entry; None at a position stands for every entry along it.
Pattern = tuple[str, tuple[Index | None, ...]]


@dataclass(frozen=True)
class Above:
    """A term that is above zero, such as 1 - A[n,o].

    Attributes:
        term: the term.
        everywhere: those of its free indices at all of whose values it is.
    """

    term: Term
    everywhere: frozenset[Index]


@dataclass(frozen=True)
class Signs:
    """The signs of entries, and of some sums.

    Attributes:
        known: by pattern.
        positions: affine positions that lie on their axis, whatever the sizes.
        above: sums that are above zero.
    """

    known: Mapping[Pattern, Sign] = field(default_factory=dict)
    positions: tuple[Match, ...] = ()
    above: tuple[Above, ...] = ()

    def reaches(self, node: Match) -> bool:
        """Whether a position is known to lie on its axis: it goes no further than a known one."""
        return any(_goes_as_far(known, node) for known in self.positions)

    def of(self, entry: Entry) -> Sign:
        """What is known of an entry's sign."""
        found = Sign.UNKNOWN
        for (tensor, indices), sign in self.known.items():
            if tensor == entry.tensor:
                pairs = zip(indices, entry.indices, strict=True)
                if all(wanted in (None, index) for wanted, index in pairs):
                    found = max(found, sign)
        return found

    def joined(self, other: Signs) -> Signs:
        """What both know."""
        known = dict(self.known)
        for pattern, sign in other.known.items():
            known[pattern] = max(sign, known.get(pattern, Sign.UNKNOWN))
        above = dict.fromkeys((*self.above, *other.above))
        return Signs(known, self.positions + other.positions, tuple(above))


NOTHING = Signs()


def _goes_as_far(known: Match, node: Match) -> bool:
    if known.left.axis != node.left.axis or node.offset > known.offset:
        return False
    factors = {index.axis: factor for index, factor in known.parts}
    axes = [index.axis for index, _ in node.parts]
    within = all(factor <= factors.get(index.axis, 0) for index, factor in node.parts)
    return within and len(set(axes)) == len(axes)


def needed(*terms: Term, positions: Iterable[Match] = ()) -> Signs:
    """What has to hold of the entries for all of the terms to have values.

    Args:
        terms: the terms.
        positions: those of the program that the terms are about; each lies on its axis.
    """
    known: dict[Pattern, Sign] = {}
    above: dict[Above, None] = {}
    for term in terms:
        for argument, sign, bound in _arguments(term, frozenset()):
            if sign is Sign.POSITIVE and isinstance(argument, Add):
                above[Above(argument, argument.free & bound)] = None
            for entry in _factors(argument):
                inside = [i for i in entry.indices if i in bound]
                if len(set(inside)) < len(inside):
                    # A diagonal says nothing of what is beside it.
                    continue
                pattern = (
                    entry.tensor,
                    tuple(None if i in bound else i for i in entry.indices),
                )
                known[pattern] = max(sign, known.get(pattern, Sign.UNKNOWN))
    return Signs(known, tuple(positions), tuple(above))


def throughout(tensor: str, rank: int, sign: Sign) -> Signs:
    """That all entries of a tensor have a sign."""
    return Signs({(tensor, (None,) * rank): sign})


def stated(assumptions: Iterable[Assumption]) -> Signs:
    """What a program assumes of the signs of its tensors."""
    found = NOTHING
    for assumption in assumptions:
        if assumption.relation == ">":
            difference = add(assumption.left, negative(assumption.right))
            if isinstance(difference, Add):
                above = Above(difference, difference.free)
                found = found.joined(Signs(above=(above,)))
        if not assumption.is_equation and assumption.right is ZERO:
            sign = Sign.POSITIVE if assumption.relation == ">" else Sign.NOT_NEGATIVE
            for entry in _factors(assumption.left):
                # A diagonal says nothing of what is beside it.
                if len(set(entry.indices)) == len(entry.indices):
                    found = found.joined(throughout(entry.tensor, len(entry.indices), sign))
    return found


def _arguments(
    term: Term, bound: frozenset[Index]
) -> Iterator[tuple[Term, Sign, frozenset[Index]]]:
    """What stands under a root or a logarithm, and the indices that are bound there."""
    if isinstance(term, Binder):
        bound = bound | set(term.bound)
    if isinstance(term, Apply) and not term.order and term.function in ("log", "sqrt"):
        yield term.argument, Sign(1 + (term.function == "log")), bound
    if isinstance(term, Power) and term.exponent.denominator > 1:
        yield term.base, Sign(1 + (term.exponent < 0)), bound
    # A branch of a condition need not have a value where it is not taken.
    for child in (term.test,) if isinstance(term, Where) else term.children:
        yield from _arguments(child, bound)


def _factors(argument: Term) -> list[Entry]:
    """The entry that an argument is, apart from positive factors; none for any other argument."""
    factors = argument.factors if isinstance(argument, Mul) else (argument,)
    left = [f for f in factors if not is_positive(f)]
    if len(left) == 1 and isinstance(left[0], Entry):
        return [left[0]]
    return []


def is_positive(term: Term) -> bool:
    """Whether a term is plainly above zero as it is written: 1 + x^2, exp(x), a sum of such."""
    if isinstance(term, Number):
        return term.value > 0
    if isinstance(term, Power):
        return is_positive(term.base)
    if isinstance(term, Add):
        return all(map(_is_nonnegative, term.terms)) and any(map(is_positive, term.terms))
    if isinstance(term, (Mul, Binder)) and not isinstance(term, Hardmax):
        return all(map(is_positive, term.children))
    return isinstance(term, (Size, Constant)) or _is_of(term, positive=True)


def _is_nonnegative(term: Term) -> bool:
    if isinstance(term, Power) and term.exponent.denominator == 1 and term.exponent % 2 == 0:
        return True
    if isinstance(term, (Mul, Add, Binder)):
        return all(map(_is_nonnegative, term.children))
    return is_positive(term) or _is_of(term, positive=False)


def _is_of(term: Term, *, positive: bool) -> bool:
    """Whether a term is of a function whose values are above zero, or else not below it."""
    if not isinstance(term, Apply) or term.order:
        return False
    if positive:
        return term.function in FUNCTIONS and FUNCTIONS[term.function].positive
    return term.function in ("abs", "relu", "step")
