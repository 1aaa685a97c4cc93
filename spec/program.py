"""A program: axes, tensors and statements with all names resolved; what elaboration yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from backproof.spec.source import Source, Span
from backproof.spec.terms import (
    Apply,
    Entry,
    Index,
    LogSumExp,
    Match,
    Max,
    Softmax,
    Term,
    match,
    walk,
)


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis: the name of its size, the index letters that run along it, its role if declared.

    The size is None where it is open.
    """

    name: str
    letters: tuple[str, ...]
    role: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor: the axis of each position, and the index letters it is first written with."""

    name: str
    indices: tuple[Index, ...]

    @property
    def axes(self) -> tuple[str, ...]:
        """The axis of each position."""
        return tuple(index.axis for index in self.indices)

    @property
    def rank(self) -> int:
        """The number of positions."""
        return len(self.indices)


@dataclass(frozen=True, slots=True)
class Statement:
    """``target = value``, entry by entry; the target's indices are distinct."""

    target: Entry
    value: Term
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Assumption:
    """``left = right`` is taken to be true; or ``left > right``, or >=, as the relation says."""

    left: Term
    right: Term
    text: str
    relation: str = "="

    @property
    def is_equation(self) -> bool:
        """Whether the two sides are equal."""
        return self.relation == "="


# What a statement may name that a gradient uses again, such as A = softmax(Z).
FOLDED = (Softmax, Apply, LogSumExp, Max)


def head(term: Term) -> tuple[type[Term], str]:
    """What a value is of: two values of different heads are not the same."""
    return type(term), term.function if isinstance(term, Apply) else ""


def last_place(node: Match, sizes: Mapping[str, int]) -> int:
    """The last place that a position reaches, counted from 0."""
    return node.offset + sum(factor * (sizes[i.axis] - 1) for i, factor in node.parts)


@dataclass(frozen=True)
class Program:
    """Statements in an order in which each uses only what is above it.

    Attributes:
        axes: by the name of the axis.
        tensors: inputs first, in the order of appearance, then the defined ones.
        functions: the abstract functions, such as ``g``.
        notes: what a reader should know, such as two letters that share an axis.
        further: affine positions besides those of the statements, which lie on their axes too:
            those of a claim, where nothing is given.
        added_losses: the scalars that are terms of the loss beside what comes from above, such
            as a penalty on the weights: ``assume dR = 1``.
    """

    source: Source
    axes: Mapping[str, Axis]
    tensors: Mapping[str, Tensor]
    statements: tuple[Statement, ...]
    assumptions: tuple[Assumption, ...] = ()
    functions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    added_losses: tuple[str, ...] = ()
    further: tuple[Match, ...] = ()
    _defining: dict[str, Statement] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_defining", {s.target.tensor: s for s in self.statements})

    def statement(self, tensor: str) -> Statement | None:
        """The statement that defines a tensor; None for an input."""
        return self._defining.get(tensor)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The tensors that no statement defines."""
        return tuple(name for name in self.tensors if name not in self._defining)

    @property
    def defined(self) -> tuple[str, ...]:
        """The tensors that statements define, in order."""
        return tuple(s.target.tensor for s in self.statements)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The defined tensors that no statement uses."""
        from backproof.spec.terms import tensors_in

        used: set[str] = set()
        for s in self.statements:
            used |= tensors_in(s.value)
        return tuple(name for name in self.defined if name not in used)

    @property
    def loss(self) -> str | None:
        """The only output, when it is a scalar."""
        outputs = self.outputs
        if len(outputs) == 1 and self.tensors[outputs[0]].rank == 0:
            return outputs[0]
        return None

    @cached_property
    def named(self) -> Mapping[tuple[type[Term], str], tuple[Statement, ...]]:
        """The statements that name a function's value with all its indices, such as A = g(Z)."""
        found: dict[tuple[type[Term], str], tuple[Statement, ...]] = {}
        for s in self.statements:
            if isinstance(s.value, FOLDED) and set(s.target.indices) == s.value.free:
                key = head(s.value)
                found[key] = (*found.get(key, ()), s)
        return found

    def is_loss(self, tensor: str) -> bool:
        """Whether a tensor's own gradient is 1: the loss, or a term of it."""
        return tensor in self.added_losses or tensor == self.loss

    @property
    def samples(self) -> str | None:
        """The axis whose role is samples; None where none is declared."""
        return next((axis.name for axis in self.axes.values() if axis.role == "samples"), None)

    @cached_property
    def positions(self) -> tuple[Match, ...]:
        """The affine positions: each says how long its left index's axis is."""
        found = (node for s in self.statements for node in walk(s.value))
        stated = (node for node in found if isinstance(node, Match))
        return tuple(dict.fromkeys((*stated, *self.further)))

    @cached_property
    def declared_sizes(self) -> Mapping[str, int]:
        """The sizes that the axes line gives, by axis."""
        return {a.name: a.size for a in self.axes.values() if a.size is not None}

    @cached_property
    def settled_axes(self) -> frozenset[str]:
        """The axes whose sizes are declared, or follow from those of others."""
        return frozenset((*self.declared_sizes, *(node.left.axis for node in self.positions)))

    def consistent(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """The sizes, with those that the program fixes in place of what is given for them.

        A size is fixed where the axes line says so, and where an axis is as long as the affine
        positions on it need: X[n,t+k] has as many entries as t and k together reach.
        """
        found = {**sizes, **self.declared_sizes}
        # A position's axis may itself be part of another position: one round each settles all.
        for _ in self.positions:
            longest: dict[str, int] = {}
            for node in self.positions:
                if node.left.axis not in self.declared_sizes:
                    needed = last_place(node, found) + 1
                    longest[node.left.axis] = max(needed, longest.get(node.left.axis, 1))
            found |= longest
        return found

    @cached_property
    def reach(self) -> tuple[Match, ...]:
        """The affine positions, and what they are at the ends of the axes of declared sizes."""
        found = list(self.positions)
        for node in self.positions:
            sizes = self.declared_sizes
            rest = tuple((i, f) for i, f in node.parts if i.axis not in sizes)
            ends = sum(f * (sizes.get(i.axis, 1) - 1) for i, f in node.parts)
            if len(rest) < len(node.parts):
                found.append(cast(Match, match(node.left, rest, node.offset + ends)))
        return tuple(found)

    def shape(self, tensor: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape of a tensor at the given sizes of the axes."""
        return tuple(sizes[axis] for axis in self.tensors[tensor].axes)
