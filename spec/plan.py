"""A term as operations on whole arrays: what code is printed from and numbers are computed by.

An array expression has an ordered tuple of indices, one a dimension; a contraction is written as
an einsum over its operands. Nothing is evaluated here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from backproof.spec.terms import (
    ONE,
    Add,
    Apply,
    Constant,
    Delta,
    Entry,
    Index,
    LogSumExp,
    Mul,
    Number,
    Power,
    Size,
    Softmax,
    Sum,
    Term,
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
class SoftmaxAlong:
    """Softmax of the argument along one of its indices."""

    along: Index
    argument: ArrayForm

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the argument."""
        return self.argument.indices


@dataclass(frozen=True, slots=True)
class LogSumExpOver:
    """Logarithm of the sum of exponentials of the argument over one of its indices."""

    over: Index
    argument: ArrayForm

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the argument but one."""
        return tuple(i for i in self.argument.indices if i != self.over)


ArrayForm = (
    Named | Scalar | Identity | Einsum | Total | Elementwise | Raised | SoftmaxAlong | LogSumExpOver
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
    return not isinstance(term, (Sum, Softmax, LogSumExp)) and all(map(is_scalar, term.children))


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
    if isinstance(term, LogSumExp):
        inner = (*indices, term.index)
        return LogSumExpOver(term.index, array_form(term.body, inner))
    if isinstance(term, (Mul, Sum, Entry)):
        return _einsum(term, indices)
    raise TypeError(f"{type(term).__name__} has no array form: a bug in backproof")


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
