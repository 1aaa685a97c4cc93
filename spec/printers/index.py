"""Index notation: what the parser reads back to the same term."""

from __future__ import annotations

from fractions import Fraction
from functools import singledispatch

from backproof.spec.terms import (
    ZERO,
    Add,
    Apply,
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
    Partial,
    Power,
    Product,
    Size,
    Softmax,
    Sum,
    Term,
    Where,
    add,
    negative,
    substitute,
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
    placed = _placed(term)
    if placed is not None:
        return placed
    return f"sum[{','.join(i.name for i in term.indices)}]({index_form(term.body)})", ATOM


def _placed(term: Sum) -> tuple[str, int] | None:
    placed = placed_entry(term)
    if placed is None:
        return None
    over, only, matches = placed
    shown = (position_form(matches[i]) if i in matches else i.name for i in only.indices)
    text = f"{only.tensor}[{','.join(shown)}]"
    return f"sum[{','.join(i.name for i in over)}]({text})" if over else text, ATOM


def placed_entry(term: Sum) -> tuple[tuple[Index, ...], Entry, dict[Index, Match]] | None:
    """What is left of a sum that is shown by an affine position: X[n,t+k] for delta[s,t+k]*X[n,s].

    Returns:
        The indices that are still summed over, X[n,s], and the match of s. None for a sum that
        cannot be shown so, or would not be read back as it is.
    """
    factors = term.body.factors if isinstance(term.body, Mul) else (term.body,)
    found = {f.left: f for f in factors if isinstance(f, Match)}
    entries = [f for f in factors if isinstance(f, Entry)]
    if not found or len(entries) != 1 or len(found) + 1 != len(factors):
        return None
    (only,) = entries
    inside = {i for f in found.values() for i, _ in f.parts}
    if any(only.indices.count(index) != 1 or index in inside for index in found):
        return None
    rest = len(term.indices) - len(found)
    if set(term.indices[rest:]) != set(found):
        return None
    return term.indices[:rest], only, found


@_write.register
def _(term: Apply) -> tuple[str, int]:
    return f"{term.function}{chr(39) * term.order}({index_form(term.argument)})", ATOM


@_write.register
def _(term: Softmax) -> tuple[str, int]:
    return f"softmax[{term.index.name}]({index_form(term.body)})", ATOM


@_write.register
def _(term: LogSumExp) -> tuple[str, int]:
    return f"logsumexp[{term.index.name}]({index_form(term.body)})", ATOM


@_write.register
def _(term: Max) -> tuple[str, int]:
    return f"max[{term.index.name}]({index_form(term.body)})", ATOM


@_write.register
def _(term: Product) -> tuple[str, int]:
    return f"prod[{term.index.name}]({index_form(term.body)})", ATOM


@_write.register
def _(term: Hardmax) -> tuple[str, int]:
    body = substitute(term.body, {term.index: term.at})
    return f"hardmax[{term.at.name}]({index_form(body)})", ATOM


@_write.register
def _(term: Where) -> tuple[str, int]:
    left, right = compared(term.test)
    condition = f"{index_form(left)} > {index_form(right)}"
    return f"where({condition}, {index_form(term.above)}, {index_form(term.below)})", ATOM


def compared(test: Term) -> tuple[Term, Term]:
    """The two sides of a comparison whose difference is the test."""
    if isinstance(test, Add):
        right = [p for p in test.terms if _is_negative(p)]
        left = [p for p in test.terms if p not in right]
        if left:
            return add(*left), add(*map(negative, right))
    if _is_negative(test):
        return ZERO, negative(test)
    return test, ZERO


def _is_negative(part: Term) -> bool:
    first = part.factors[0] if isinstance(part, Mul) else part
    return isinstance(first, Number) and first.value < 0


@_write.register
def _(term: Match) -> tuple[str, int]:
    return f"delta[{term.left.name},{position_form(term)}]", ATOM


def position_form(term: Match) -> str:
    """The affine position of a match, such as ``2*t+k``."""
    parts = [i.name if factor == 1 else f"{factor}*{i.name}" for i, factor in term.parts]
    if term.offset or not parts:
        parts.append(str(term.offset))
    return "+".join(parts)
