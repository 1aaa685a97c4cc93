"""The surface tree of index notation: what was written, with its place; no meaning yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from backproof.spec.source import Span


@dataclass(frozen=True, slots=True)
class IndexName:
    """An index as written: a letter or a word."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class PositionSyntax:
    """``2*t + k + 1`` in the place of an index: each index times a whole number, and an offset."""

    parts: tuple[tuple[IndexName, int], ...]
    offset: int
    span: Span


@dataclass(frozen=True, slots=True)
class NumberSyntax:
    """A rational constant; decimals are read exactly."""

    value: Fraction
    span: Span


@dataclass(frozen=True, slots=True)
class ReferenceSyntax:
    """``T[n,o]``, or ``T`` alone (``indices`` is None: a scalar)."""

    name: str
    indices: tuple[IndexName | PositionSyntax, ...] | None
    span: Span


@dataclass(frozen=True, slots=True)
class ReductionSyntax:
    """``sum[i](...)``, ``mean``, ``softmax``, ``logsumexp``: an operator along axes."""

    operator: str
    indices: tuple[IndexName, ...]
    body: Syntax
    span: Span


@dataclass(frozen=True, slots=True)
class CallSyntax:
    """``f(...)``; ``order`` counts the primes."""

    function: str
    order: int
    argument: Syntax
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True)
class SizeSyntax:
    """``size(n)``."""

    index: IndexName
    span: Span


@dataclass(frozen=True, slots=True)
class DeltaSyntax:
    """``delta[i,j]``, or ``delta[s,t+k]``."""

    left: IndexName
    right: IndexName | PositionSyntax
    span: Span


@dataclass(frozen=True, slots=True)
class WhereSyntax:
    """``where(left > right, above, below)``; the operator is > or >=, with its sides in order."""

    operator: str
    left: Syntax
    right: Syntax
    above: Syntax
    below: Syntax
    span: Span


@dataclass(frozen=True, slots=True)
class MacroCallSyntax:
    """``f(...)`` of a macro, or of several arguments."""

    name: str
    arguments: tuple[Syntax, ...]
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True)
class NegativeSyntax:
    """``-x``."""

    operand: Syntax
    span: Span


@dataclass(frozen=True, slots=True)
class BinarySyntax:
    """``left operator right`` with + - * / ^."""

    operator: str
    left: Syntax
    right: Syntax
    span: Span


Syntax = (
    NumberSyntax
    | ReferenceSyntax
    | ReductionSyntax
    | CallSyntax
    | SizeSyntax
    | DeltaSyntax
    | WhereSyntax
    | MacroCallSyntax
    | NegativeSyntax
    | BinarySyntax
)


@dataclass(frozen=True, slots=True)
class AxisSyntax:
    """``n: samples``, ``i, j: units`` for two indices of one axis, ``k: window = 3``.

    The size is None where it is left open; the role may be empty where it is not.
    """

    indices: tuple[IndexName, ...]
    role: str
    span: Span
    size: int | None = None


@dataclass(frozen=True, slots=True)
class StatementSyntax:
    """``T[n,o] = expression``."""

    target: ReferenceSyntax
    value: Syntax
    span: Span


@dataclass(frozen=True, slots=True)
class AssumptionSyntax:
    """``assume left = right``, or ``assume left > right`` or >=, with its sides in order."""

    left: Syntax
    right: Syntax
    span: Span
    relation: str = "="


@dataclass(frozen=True, slots=True)
class MacroSyntax:
    """``def name(parameters) = body``; a parameter is a scalar or a tensor with its indices."""

    name: str
    parameters: tuple[ReferenceSyntax, ...]
    body: Syntax
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True)
class ProgramSyntax:
    """A whole text.

    Attributes:
        one_axis: pairs of indices that run along one axis, besides what ``axes`` says.
    """

    axes: tuple[AxisSyntax, ...]
    statements: tuple[StatementSyntax, ...]
    assumptions: tuple[AssumptionSyntax, ...]
    macros: tuple[MacroSyntax, ...] = ()
    one_axis: tuple[tuple[IndexName, IndexName], ...] = ()


def plain(node: ReferenceSyntax) -> tuple[IndexName, ...]:
    """The indices of a reference in which no affine position is left."""
    found = []
    for index in node.indices or ():
        if isinstance(index, PositionSyntax):
            raise TypeError("an affine position was not rewritten: a bug in backproof")
        found.append(index)
    return tuple(found)


def letters(node: Syntax) -> tuple[IndexName, ...]:
    """The indices that an expression is written with itself, outside of its subexpressions."""
    if isinstance(node, ReductionSyntax):
        return node.indices
    if isinstance(node, SizeSyntax):
        return (node.index,)
    positions: tuple[IndexName | PositionSyntax, ...] = ()
    if isinstance(node, ReferenceSyntax):
        positions = node.indices or ()
    elif isinstance(node, DeltaSyntax):
        positions = (node.left, node.right)
    inside = ((p,) if isinstance(p, IndexName) else (i for i, _ in p.parts) for p in positions)
    return tuple(letter for found in inside for letter in found)


def relettered(node: Syntax, on: Callable[[IndexName], IndexName]) -> Syntax:
    """The expression with other letters in place of its own; its subexpressions stay."""

    def moved(position: IndexName | PositionSyntax) -> IndexName | PositionSyntax:
        if isinstance(position, IndexName):
            return on(position)
        return replace(position, parts=tuple((on(i), factor) for i, factor in position.parts))

    if isinstance(node, ReferenceSyntax) and node.indices is not None:
        return replace(node, indices=tuple(map(moved, node.indices)))
    if isinstance(node, DeltaSyntax):
        return replace(node, left=on(node.left), right=moved(node.right))
    if isinstance(node, SizeSyntax):
        return replace(node, index=on(node.index))
    if isinstance(node, ReductionSyntax):
        return replace(node, indices=tuple(map(on, node.indices)))
    return node


def children(node: Syntax) -> tuple[Syntax, ...]:
    """The direct subexpressions, from left to right."""
    if isinstance(node, ReductionSyntax):
        return (node.body,)
    if isinstance(node, CallSyntax):
        return (node.argument,)
    if isinstance(node, MacroCallSyntax):
        return node.arguments
    if isinstance(node, WhereSyntax):
        return (node.left, node.right, node.above, node.below)
    if isinstance(node, NegativeSyntax):
        return (node.operand,)
    if isinstance(node, BinarySyntax):
        return (node.left, node.right)
    return ()


def rebuilt(node: Syntax, on: Callable[[Syntax], Syntax]) -> Syntax:
    """The expression with ``on`` applied to each direct subexpression."""
    if isinstance(node, ReductionSyntax):
        return replace(node, body=on(node.body))
    if isinstance(node, CallSyntax):
        return replace(node, argument=on(node.argument))
    if isinstance(node, MacroCallSyntax):
        return replace(node, arguments=tuple(map(on, node.arguments)))
    if isinstance(node, WhereSyntax):
        return replace(
            node,
            left=on(node.left),
            right=on(node.right),
            above=on(node.above),
            below=on(node.below),
        )
    if isinstance(node, NegativeSyntax):
        return replace(node, operand=on(node.operand))
    if isinstance(node, BinarySyntax):
        return _rebuilt_chain(node, on)
    return node


def _rebuilt_chain(node: BinarySyntax, on: Callable[[Syntax], Syntax]) -> Syntax:
    # A chain of operators leans to the left: followed by a loop, however long it is.
    chain: list[BinarySyntax] = []
    left: Syntax = node
    while isinstance(left, BinarySyntax):
        chain.append(left)
        left = left.left
    result = on(left)
    for link in reversed(chain):
        result = replace(link, left=result, right=on(link.right))
    return result


def nodes(root: Syntax) -> Iterator[Syntax]:
    """The expression and all its subexpressions."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))
