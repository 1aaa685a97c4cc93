"""Index notation: what the parser reads back to the same term."""

from __future__ import annotations

from fractions import Fraction
from functools import singledispatch

from backproof.spec.terms import (
    Add,
    Apply,
    Constant,
    Delta,
    Entry,
    LogSumExp,
    Mul,
    Number,
    Partial,
    Power,
    Size,
    Softmax,
    Sum,
    Term,
)

# How tightly each form holds together; an operand that holds less tightly needs brackets.
SUM, PRODUCT, POWER, ATOM = range(4)


def index_form(term: Term) -> str:
    """A term in index notation; ``parse`` reads it back."""
    return _write(term)[0]


def index_equation(left: Term, right: Term) -> str:
    """``left = right`` in index notation."""
    return f"{index_form(left)} = {index_form(right)}"


def _at_least(term: Term, level: int) -> str:
    text, holds = _write(term)
    return text if holds >= level else f"({text})"


@singledispatch
def _write(term: Term) -> tuple[str, int]:
    raise TypeError(f"{type(term).__name__} has no rule in index notation: a bug in backproof")


@_write.register
def _(term: Number) -> tuple[str, int]:
    value = term.value
    level = SUM if value < 0 else ATOM if value.denominator == 1 else PRODUCT
    return str(value), level


@_write.register
def _(term: Constant) -> tuple[str, int]:
    return term.name, ATOM


@_write.register
def _(term: Size) -> tuple[str, int]:
    return f"size({term.axis})", ATOM


@_write.register
def _(term: Entry) -> tuple[str, int]:
    if not term.indices:
        return term.tensor, ATOM
    return f"{term.tensor}[{','.join(i.name for i in term.indices)}]", ATOM


@_write.register
def _(term: Delta) -> tuple[str, int]:
    return f"delta[{term.left.name},{term.right.name}]", ATOM


@_write.register
def _(term: Partial) -> tuple[str, int]:
    return f"∂{index_form(term.of)}/∂{index_form(term.by)}", ATOM


@_write.register
def _(term: Add) -> tuple[str, int]:
    text = ""
    for part in term.terms:
        piece, _ = _write(part)
        if not text:
            text = piece
        elif piece.startswith("-"):
            text += f" - {piece[1:]}"
        else:
            text += f" + {piece}"
    return text, SUM


@_write.register
def _(term: Mul) -> tuple[str, int]:
    coefficient = Fraction(1)
    above: list[Term] = []
    below: list[Term] = []
    for factor in term.factors:
        if isinstance(factor, Number):
            coefficient *= factor.value
        elif isinstance(factor, Power) and factor.exponent < 0:
            below.append(factor)
        else:
            above.append(factor)
    sign = "-" if coefficient < 0 else ""
    coefficient = abs(coefficient)
    pieces = [_at_least(f, POWER) for f in above]
    if coefficient.numerator != 1 or not pieces:
        pieces.insert(0, str(coefficient.numerator))
    text = "*".join(pieces)
    if coefficient.denominator != 1:
        text += f"/{coefficient.denominator}"
    for factor in below:
        assert isinstance(factor, Power)
        text += "/" + _power(factor.base, -factor.exponent)
    return sign + text, SUM if sign else PRODUCT


@_write.register
def _(term: Power) -> tuple[str, int]:
    if term.exponent < 0:
        return "1/" + _power(term.base, -term.exponent), PRODUCT
    return _power(term.base, term.exponent), POWER


def _power(base: Term, exponent: Fraction) -> str:
    if exponent == 1:
        return _at_least(base, POWER)
    shown = str(exponent) if exponent.denominator == 1 else f"({exponent})"
    return f"{_at_least(base, ATOM)}^{shown}"


@_write.register
def _(term: Sum) -> tuple[str, int]:
    return f"sum[{','.join(i.name for i in term.indices)}]({index_form(term.body)})", ATOM


@_write.register
def _(term: Apply) -> tuple[str, int]:
    return f"{term.function}{chr(39) * term.order}({index_form(term.argument)})", ATOM


@_write.register
def _(term: Softmax) -> tuple[str, int]:
    return f"softmax[{term.index.name}]({index_form(term.body)})", ATOM


@_write.register
def _(term: LogSumExp) -> tuple[str, int]:
    return f"logsumexp[{term.index.name}]({index_form(term.body)})", ATOM
