"""Putting programs together: renaming, reordering and joining, down to a text to read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from backproof.spec.printers.index import index_equation
from backproof.spec.program import Program
from backproof.spec.terms import (
    Binder,
    Delta,
    Entry,
    Hardmax,
    Index,
    Match,
    Size,
    Softmax,
    Term,
    delta,
    entry,
    fresh,
    hardmax,
    indices_in,
    match,
    rebuild,
    size,
    softmax,
    substitute,
)


def renamed(term: Term, tensors: Mapping[str, str], letters: Mapping[str, str]) -> Term:
    """A term with other names of tensors and of indices; letters name axes too."""

    def index(old: Index) -> Index:
        return Index(letters.get(old.name, old.name), letters.get(old.axis, old.axis))

    return _with_indices(term, index, tensors)


def _with_indices(
    term: Term, index: Callable[[Index], Index], tensors: Mapping[str, str] | None = None
) -> Term:
    names = tensors or {}

    def on(node: Term) -> Term:
        if isinstance(node, Entry):
            return entry(names.get(node.tensor, node.tensor), map(index, node.indices))
        if isinstance(node, Size):
            return size(index(Index(node.axis, node.axis)).axis)
        if isinstance(node, Delta):
            return delta(index(node.left), index(node.right))
        if isinstance(node, Match):
            parts = ((index(i), factor) for i, factor in node.parts)
            return match(index(node.left), parts, node.offset)
        if isinstance(node, Hardmax):
            return hardmax(index(node.at), index(node.index), on(node.body))
        if isinstance(node, Binder):
            return node.over(tuple(map(index, node.bound)), on(node.body))
        if isinstance(node, Softmax):
            return softmax(index(node.index), on(node.body))
        return rebuild(node, on)

    return on(term)


def on_axes(term: Term, axes: Mapping[str, str]) -> Term:
    """A term over other axes; the letters of its free indices stay."""
    if not axes:
        return term

    def index(old: Index) -> Index:
        axis = old.axis
        while axis in axes:
            axis = axes[axis]
        return Index(old.name, axis)

    def apart(node: Term) -> Term:
        # Two indices of one letter along two axes would become one.
        if isinstance(node, Binder):
            bound = node.bound
            seen = {index(i) for i in node.free}
            taken = set(indices_in(node))
            change: dict[Index, Index] = {}
            for old in bound:
                if index(old) in seen:
                    change[old] = fresh(old, taken)
                    taken.add(change[old])
                seen.add(index(change.get(old, old)))
            body = apart(substitute(node.body, change))
            return node.over(tuple(change.get(i, i) for i in bound), body)
        return rebuild(node, apart)

    return _with_indices(apart(term), index)


def reordered(term: Term, tensor: str, order: Sequence[int]) -> Term:
    """A term in which a tensor's positions stand in another order, as for its transpose."""

    def on(node: Term) -> Term:
        if isinstance(node, Entry) and node.tensor == tensor:
            return entry(tensor, (node.indices[k] for k in order))
        return rebuild(node, on)

    return on(term)


def program_text(axes: Mapping[str, Sequence[str]], statements: Sequence[tuple[Term, Term]]) -> str:
    """A program as text: ``axes`` maps each role to its letters."""
    declared = ", ".join(f"{', '.join(letters)}: {role}" for role, letters in axes.items())
    lines = [f"axes {declared}"] if declared else []
    lines += [index_equation(left, right) for left, right in statements]
    return "\n".join(lines) + "\n"


def statement_terms(
    program: Program, tensors: Mapping[str, str], letters: Mapping[str, str]
) -> list[tuple[Term, Term]]:
    """All statements of a program under other names."""
    return [
        (renamed(s.target, tensors, letters), renamed(s.value, tensors, letters))
        for s in program.statements
    ]
