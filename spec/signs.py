"""What is known of the signs of tensors' entries: assumed, or because a term has a value at all.

Where log(x) or a root of x has a value, x is not negative. Two sides of a claim are compared where
both have one, so what the one needs may be used in the other: log(x*y) = log(x) + log(y).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from backproof.spec.program import Assumption
from backproof.spec.terms import (
    ZERO,
    Add,
    Apply,
    Binder,
    Constant,
    Entry,
    Index,
    Mul,
    Number,
    Power,
    Size,
    Term,
)


class Sign(IntEnum):
    """What is known of a number's sign."""

    UNKNOWN = 0
    NOT_NEGATIVE = 1
    POSITIVE = 2


# The indices of an entry; None at a position stands for every entry along it.
Pattern = tuple[str, tuple[Index | None, ...]]


@dataclass(frozen=True)
class Signs:
    """The signs of entries.

    Attributes:
        known: by pattern.
    """

    known: Mapping[Pattern, Sign] = field(default_factory=dict)

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
        return Signs(known)


NOTHING = Signs()


def needed(*terms: Term) -> Signs:
    """What has to hold of the entries for all of the terms to have values."""
    known: dict[Pattern, Sign] = {}
    for term in terms:
        for argument, sign, bound in _arguments(term, frozenset()):
            for entry in _factors(argument):
                pattern = (
                    entry.tensor,
                    tuple(None if i in bound else i for i in entry.indices),
                )
                known[pattern] = max(sign, known.get(pattern, Sign.UNKNOWN))
    return Signs(known)


def _throughout(term: Term, sign: Sign) -> Signs:
    """What follows for entries where a term has a sign, for all values of its indices."""
    known: dict[Pattern, Sign] = {
        (entry.tensor, (None,) * len(entry.indices)): sign
        for entry in _factors(term)
        if len(set(entry.indices)) == len(entry.indices)
    }
    return Signs(known)


def stated(assumptions: Iterable[Assumption]) -> Signs:
    """What a program assumes of the signs of its tensors."""
    found = NOTHING
    for assumption in assumptions:
        if not assumption.is_equation and assumption.right is ZERO:
            sign = Sign.POSITIVE if assumption.relation == ">" else Sign.NOT_NEGATIVE
            found = found.joined(_throughout(assumption.left, sign))
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
    for child in term.children:
        yield from _arguments(child, bound)


def _factors(argument: Term) -> list[Entry]:
    """The entry that an argument is, apart from positive factors; none for any other argument."""
    factors = argument.factors if isinstance(argument, Mul) else (argument,)
    left = [f for f in factors if not _is_positive(f)]
    if len(left) == 1 and isinstance(left[0], Entry):
        return [left[0]]
    return []


def _is_positive(factor: Term) -> bool:
    if isinstance(factor, Number):
        return factor.value > 0
    if isinstance(factor, Power):
        return _is_positive(factor.base)
    if isinstance(factor, Add):
        return all(map(_is_positive, factor.terms))
    return isinstance(factor, (Size, Constant)) or (
        isinstance(factor, Apply) and factor.function == "exp"
    )
