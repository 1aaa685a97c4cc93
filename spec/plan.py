"""A term as operations on whole arrays: what code is printed from and numbers are computed by.

An array expression has an ordered tuple of indices, one a dimension; a contraction is written as
an einsum over its operands. Nothing is evaluated here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from backproof.spec.terms import (
    ONE,
    Add,
    Apply,
    Binder,
    Constant,
    Delta,
    Entry,
    Hardmax,
    Index,
    LogSumExp,
    Match,
    Max,
    Mul,
    Number,
    Power,
    Product,
    Size,
    Softmax,
    Sum,
    Term,
    Where,
    fresh,
    indices_in,
    mul,
    size,
    substitute,
)


@dataclass(frozen=True, slots=True)
class Named:
    """A tensor as it is given, with the index of each of its dimensions."""

    name: str
    indices: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number that depends on sizes and constants alone."""

    term: Term

    @property
    def indices(self) -> tuple[Index, ...]:
        """No dimension."""
        return ()


@dataclass(frozen=True, slots=True)
class Identity:
    """A delta whose two indices are both kept."""

    indices: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Matched:
    """1 where the left index of a match is at the position that its parts say, else 0."""

    match: Match
    indices: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Einsum:
    """``coefficient`` times the product of the operands, summed over the indices not kept.

    An index of ``indices`` that no operand has is one along which the result is constant.
    """

    operands: tuple[ArrayForm, ...]
    indices: tuple[Index, ...]
    coefficient: Term = ONE

    @property
    def summed(self) -> tuple[Index, ...]:
        """The indices that are summed over, in the order of appearance."""
        every = dict.fromkeys(i for o in self.operands for i in o.indices)
        return tuple(i for i in every if i not in self.indices)


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of parts; a part that lacks an index is constant along it."""

    parts: tuple[ArrayForm, ...]
    indices: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Elementwise:
    """A function of one argument, or its derivative, entry by entry."""

    function: str
    order: int
    argument: ArrayForm

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the argument."""
        return self.argument.indices


@dataclass(frozen=True, slots=True)
class Raised:
    """A rational power, entry by entry."""

    power: Power
    argument: ArrayForm

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the argument."""
        return self.argument.indices


@dataclass(frozen=True, slots=True)
class Along:
    """What has an entry for each of the argument's, computed along one of its indices."""

    along: Index
    argument: ArrayForm

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the argument."""
        return self.argument.indices


@dataclass(frozen=True, slots=True)
class Over:
    """What has one entry for all of the argument's over one of its indices."""

    over: Index
    argument: ArrayForm

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the argument but one."""
        return tuple(i for i in self.argument.indices if i != self.over)


@dataclass(frozen=True, slots=True)
class SoftmaxAlong(Along):
    """Softmax of the argument along one of its indices."""


@dataclass(frozen=True, slots=True)
class LogSumExpOver(Over):
    """Logarithm of the sum of exponentials of the argument over one of its indices."""


@dataclass(frozen=True, slots=True)
class MaxOver(Over):
    """The largest value of the argument over one of its indices."""


@dataclass(frozen=True, slots=True)
class ProductOver(Over):
    """The product of the argument over one of its indices."""


@dataclass(frozen=True, slots=True)
class HardmaxAlong(Along):
    """1 where the argument is largest along an index, shared where several are, else 0."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """``above`` where the test is greater than 0, else ``below``, entry by entry.

    A part that lacks an index is constant along it.
    """

    test: ArrayForm
    above: ArrayForm
    below: ArrayForm
    indices: tuple[Index, ...]


ArrayForm = (
    Named
    | Scalar
    | Identity
    | Matched
    | Einsum
    | Total
    | Elementwise
    | Raised
    | SoftmaxAlong
    | LogSumExpOver
    | MaxOver
    | ProductOver
    | HardmaxAlong
    | Chosen
)


def array_form(term: Term, indices: Iterable[Index]) -> ArrayForm:
    """The operations that give the array of a term over the given indices, in that order.

    Raises:
        ValueError: the term has a free index that is not among them.
    """
    indices = tuple(indices)
    if not term.free <= set(indices):
        raise ValueError("an index of the term is not among the array's indices")
    form = _form(term, tuple(i for i in indices if i in term.free))
    if form.indices == indices:
        return form
    return Einsum((form,), indices)


def is_scalar(term: Term) -> bool:
    """Whether a term depends on numbers, constants and sizes alone."""
    if isinstance(term, (Number, Constant, Size)):
        return True
    if isinstance(term, Apply) or not term.children:
        return False
    opaque = isinstance(term, (Binder, Softmax, Where))
    return not opaque and all(map(is_scalar, term.children))


def _form(term: Term, indices: tuple[Index, ...]) -> ArrayForm:
    if is_scalar(term):
        return Scalar(term)
    if isinstance(term, Entry) and len(set(term.indices)) == len(term.indices):
        return Named(term.tensor, term.indices)
    if isinstance(term, Delta):
        return Identity((term.left, term.right))
    if isinstance(term, Add):
        parts = tuple(_form(p, tuple(i for i in indices if i in p.free)) for p in term.terms)
        return Total(parts, indices)
    if isinstance(term, Apply):
        return Elementwise(term.function, term.order, _form(term.argument, indices))
    if isinstance(term, Power):
        return Raised(term, _form(term.base, indices))
    if isinstance(term, Softmax):
        return SoftmaxAlong(term.index, array_form(term.body, indices))
    if isinstance(term, (LogSumExp, Max, Product)):
        return _OVER[type(term)](term.index, array_form(term.body, (*indices, term.index)))
    if isinstance(term, Hardmax):
        return _hardmax(term, indices)
    if isinstance(term, Match):
        return Matched(term, indices)
    if isinstance(term, Where):
        test, above, below = (
            _form(part, tuple(i for i in indices if i in part.free))
            for part in (term.test, term.above, term.below)
        )
        return Chosen(test, above, below, indices)
    if isinstance(term, (Mul, Sum, Entry)):
        return _einsum(term, indices)
    raise TypeError(f"{type(term).__name__} has no array form: a bug in backproof")


_OVER: Mapping[type[Term], Callable[[Index, ArrayForm], ArrayForm]] = {
    LogSumExp: LogSumExpOver,
    Max: MaxOver,
    Product: ProductOver,
}


def _hardmax(term: Hardmax, indices: tuple[Index, ...]) -> ArrayForm:
    if term.at not in term.body.free:
        body = substitute(term.body, {term.index: term.at})
        return HardmaxAlong(term.at, array_form(body, indices))
    # The position is an index of the argument as well: its diagonal.
    inner = HardmaxAlong(term.index, array_form(term.body, (*indices, term.index)))
    return Einsum((inner, Identity((term.at, term.index))), indices)


def _einsum(term: Term, indices: tuple[Index, ...]) -> Einsum:
    coefficient: Term = ONE
    operands: list[ArrayForm] = []
    pending: list[Term] = [term]
    taken = set(indices) | indices_in(term)
    joined: set[Index] = set()
    while pending:
        part = pending.pop(0)
        if is_scalar(part):
            coefficient = mul(coefficient, part)
        elif isinstance(part, Mul):
            pending[:0] = part.factors
        elif isinstance(part, Sum):
            # A sum among the factors joins this contraction, its indices kept apart.
            change = {}
            for index in part.indices:
                if index not in part.body.free:
                    coefficient = mul(coefficient, size(index.axis))
                elif index in joined or index in indices:
                    change[index] = fresh(index, taken)
                    taken.add(change[index])
                joined.add(change.get(index, index))
            pending.insert(0, substitute(part.body, change))
        elif isinstance(part, Entry):
            operands.append(Named(part.tensor, part.indices))
        else:
            ordered = sorted(part.free, key=lambda i: (i not in indices, _place(i, indices), i))
            operands.append(_form(part, tuple(ordered)))
    return Einsum(tuple(operands), indices, coefficient)


def _place(index: Index, indices: tuple[Index, ...]) -> int:
    return indices.index(index) if index in indices else len(indices)
