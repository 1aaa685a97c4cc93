"""The surface tree of index notation: what was written, with its place; no meaning yet."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from backproof.spec.source import Span


@dataclass(frozen=True, slots=True)
class IndexName:
    """An index as written: a letter or a word."""

    name: str
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
    indices: tuple[IndexName, ...] | None
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
    """``delta[i,j]``."""

    left: IndexName
    right: IndexName
    span: Span


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
    | NegativeSyntax
    | BinarySyntax
)


@dataclass(frozen=True, slots=True)
class AxisSyntax:
    """``n: samples``, or ``i, j: units`` for two indices of one axis, in an ``axes`` line."""

    indices: tuple[IndexName, ...]
    role: str
    span: Span


@dataclass(frozen=True, slots=True)
class StatementSyntax:
    """``T[n,o] = expression``."""

    target: ReferenceSyntax
    value: Syntax
    span: Span


@dataclass(frozen=True, slots=True)
class AssumptionSyntax:
    """``assume left = right``."""

    left: Syntax
    right: Syntax
    span: Span


@dataclass(frozen=True, slots=True)
class ProgramSyntax:
    """A whole text."""

    axes: tuple[AxisSyntax, ...]
    statements: tuple[StatementSyntax, ...]
    assumptions: tuple[AssumptionSyntax, ...]
