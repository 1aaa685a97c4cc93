"""Choosing the letters of bound indices."""

from __future__ import annotations

from collections.abc import Iterable

from backproof.spec.program import Program
from backproof.spec.terms import Binder, Index, Term, fresh, rebuild, substitute


def letters_of(program: Program, index: Index) -> tuple[str, ...]:
    """The letters that a program uses for the axis of an index; else its own, if it has one."""
    axis = program.axes.get(index.axis)
    if axis is not None:
        return axis.letters
    return (index.name if index.name.isidentifier() else "i",)


def name_bound(program: Program, value: Term, kept: Iterable[Index]) -> Term:
    """The term with its bound indices under the letters that the program uses for their axes.

    No letter is bound inside a place where it already means something, so that the result can be
    read back; ``kept`` are the indices of the left side.
    """

    def on(term: Term, outer: frozenset[Index]) -> Term:
        if isinstance(term, Binder):
            bound = term.bound
            taken = {i.name for i in (term.free | outer)}
            change: dict[Index, Index] = {}
            for index in bound:
                letters = letters_of(program, index)
                free = [letter for letter in letters if letter not in taken]
                name = free[0] if free else fresh(Index(letters[0], index.axis), taken).name
                taken.add(name)
                change[index] = Index(name, index.axis)
            indices = tuple(change[i] for i in bound)
            body = on(substitute(term.body, change), outer | term.free | set(indices))
            return term.over(indices, body)
        return rebuild(term, lambda child: on(child, outer))

    return on(value, frozenset(kept))
