"""Small matrices as text, side by side, with the entries marked in which two of them differ."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import zip_longest
from textwrap import wrap
from typing import Any, NamedTuple

from backproof.reports.finding import Counterexample
from backproof.reports.wording import Signs, number

_GAP = 4
_MOST_ROWS = 8
_MOST_SLICES = 4
_LONGEST_ENTRY = 24
_DIGITS = (6, 9, 12)
_RATIONAL = re.compile(r"-?\d{1,999}(/0{0,9}[1-9]\d{0,999})?", re.ASCII)


class Piece(NamedTuple):
    """A stretch of a line; ``differs`` says that it's an entry that ought to be another."""

    text: str
    differs: bool = False


Line = list[Piece]


class Block(NamedTuple):
    """A matrix laid out: a label to stand above it, and its lines."""

    label: str
    lines: list[Line]

    @property
    def width(self) -> int:
        """The number of columns that the widest line takes."""
        return max(len(self.label), *(length(line) for line in self.lines))


def length(line: Line) -> int:
    """Return how many characters a line has."""
    return sum(len(piece.text) for piece in line)


def shape(value: object) -> tuple[int, ...] | None:
    """Return the shape of nested lists.

    Args:
        value: a number (or text), or nested lists or tuples of them.

    Returns:
        The sizes, outermost first; ``()`` for a number; None when the lists are ragged.
    """
    if not isinstance(value, list | tuple):
        return ()
    shapes = {shape(item) for item in value}
    if len(shapes) > 1:
        return None
    inner = shapes.pop() if shapes else ()
    return None if inner is None else (len(value), *inner)


def inputs(case: Counterexample, signs: Signs, width: int) -> list[Block]:
    """Lay out the inputs of a counterexample, each entry exactly.

    Args:
        case: the counterexample.
        signs: the alphabet to draw with.
        width: the widest that a block may be.
    """
    return [
        block for name, value in case.inputs.items() for block in blocks(name, value, signs, width)
    ]


def outputs(case: Counterexample, quantity: str, signs: Signs, width: int) -> list[Block]:
    """Lay out what was expected and what came, marking the entries of the latter that differ.

    Enough digits are shown to tell the two apart; a mark means that the two numbers shown differ.

    Args:
        case: the counterexample; ``expected`` and ``got`` are one quantity, or mappings from
            names to quantities.
        quantity: the name of the quantity, or an empty text.
        signs: the alphabet to draw with.
        width: the widest that a block may be.
    """
    laid_out: list[Block] = []
    for name, expected, got in _pairs(case, quantity):
        digits = _telling_digits(expected, got)
        for words, value, other in (("expected", expected, None), ("got", got, expected)):
            if value is not None:
                label = f"{words} {name}".rstrip()
                laid_out += blocks(label, value, signs, width, digits=digits, other=other)
    return laid_out


def blocks(
    label: str,
    value: Any,
    signs: Signs,
    width: int,
    *,
    digits: int | None = None,
    other: Any = None,
) -> list[Block]:
    """Lay out one value: a number, a vector, a matrix, or the slices of a larger array.

    Args:
        label: its name; the shape is added to it for matrices.
        value: nested lists of numbers or of exact rationals as text.
        signs: the alphabet to draw with.
        width: the widest that a block may be; rows and columns that don't fit are left out,
            with dots in their place.
        digits: significant digits, None for exact entries.
        other: the value to compare with, of the same shape; None for no marks.
    """
    sizes = shape(value)
    label = signs.safe(label)
    if sizes is not None and 0 in sizes:
        return [_fitted(_with_shape(label, sizes, signs), [[Piece("no entries")]], signs, width)]
    if sizes is None or (not sizes and isinstance(value, str) and len(value) > _LONGEST_ENTRY):
        # No numbers in rows and columns, but words: they may take several lines.
        words = wrap(signs.safe(str(value)), width, break_on_hyphens=False) or [""]
        return [_fitted(label, [[Piece(line)] for line in words], signs, width)]
    if shape(other) != sizes:
        other = None
    if len(sizes) > 2:
        slices = [
            block
            for position, item in enumerate(value[:_MOST_SLICES])
            for block in blocks(
                f"{label}[{position}]",
                item,
                signs,
                width,
                digits=digits,
                other=None if other is None else other[position],
            )
        ]
        if (left_out := len(value) - _MOST_SLICES) > 0:
            slices.append(_fitted(signs.dots, [[Piece(f"{left_out} more")]], signs, width))
        return slices
    rows = [[value]] if not sizes else [value] if len(sizes) == 1 else value
    others = None if other is None else _as_rows(other, len(sizes))
    lines = _rows(rows, others, signs, width, digits, bracketed=bool(sizes))
    return [_fitted(_with_shape(label, sizes, signs), lines, signs, width)]


def side_by_side(laid_out: Sequence[Block], width: int) -> list[Line]:
    """Set blocks next to one another, as many as fit, the others below.

    Args:
        laid_out: the blocks, none wider than ``width``.
        width: the number of columns.

    Returns:
        The lines; an empty one between two bands.
    """
    lines: list[Line] = []
    for band in _bands(laid_out, width):
        if lines:
            lines.append([])
        columns = [[[Piece(block.label)], *block.lines] for block in band]
        for parts in zip_longest(*columns, fillvalue=[]):
            line: Line = []
            for block, part in zip(band, parts, strict=True):
                line += [*part, Piece(" " * (block.width - length(part) + _GAP))]
            lines.append(line)
    return lines


def _bands(laid_out: Sequence[Block], width: int) -> Iterable[list[Block]]:
    band: list[Block] = []
    used = 0
    for block in laid_out:
        if band and used + block.width > width:
            yield band
            band, used = [], 0
        band.append(block)
        used += block.width + _GAP
    if band:
        yield band


def _pairs(case: Counterexample, quantity: str) -> list[tuple[str, Any, Any]]:
    expected, got = case.expected, case.got
    if not isinstance(expected, dict) and not isinstance(got, dict):
        return [(quantity, expected, got)]
    first = expected if isinstance(expected, dict) else {quantity: expected}
    second = got if isinstance(got, dict) else {quantity: got}
    return [(str(name), first.get(name), second.get(name)) for name in {**first, **second}]


def _as_rows(value: Any, dimensions: int) -> list[Any]:
    return [[value]] if dimensions == 0 else [value] if dimensions == 1 else list(value)


def _with_shape(label: str, sizes: tuple[int, ...] | None, signs: Signs) -> str:
    if not sizes or len(sizes) < 2:
        return label
    return f"{label} ({f' {signs.times} '.join(map(str, sizes))})"


def _rows(
    rows: Sequence[Sequence[Any]],
    others: Sequence[Sequence[Any]] | None,
    signs: Signs,
    width: int,
    digits: int | None,
    *,
    bracketed: bool,
) -> list[Line]:
    shown = rows if len(rows) <= _MOST_ROWS else rows[: _MOST_ROWS - 1]
    columns = []
    for index in range(len(rows[0])):
        entries = [_clipped(signs.safe(number(row[index], digits)), signs) for row in shown]
        differing = [
            others is not None and _differ(row[index], others[at][index], digits)
            for at, row in enumerate(shown)
        ]
        columns.append(_column(entries, differing, signs))
    columns = _fitting(columns, signs, width - 4)
    lines: list[Line] = []
    for at in range(len(shown)):
        line: Line = []
        for column in columns:
            line += [Piece("  ")] if line else []
            line.append(column[at])
        lines.append(_bracketed(line, at, len(rows), signs) if bracketed else line)
    if len(shown) < len(rows):
        text = f"{signs.dots} {len(rows) - len(shown)} more rows"
        lines.append(_bracketed([Piece(text)], len(rows) - 1, len(rows), signs))
        widest = max(length(line) for line in lines)
        lines = [_widened(line, widest) for line in lines]
    return lines


def _column(entries: list[str], differing: list[bool], signs: Signs) -> list[Piece]:
    """Align a column's entries to the right, keeping room for marks when there is one."""
    widest = max(map(len, entries))
    room = 1 if any(differing) else 0
    return [
        Piece(
            text.rjust(widest) + (signs.differs if differs else " " * room),
            differs,
        )
        for text, differs in zip(entries, differing, strict=True)
    ]


def _fitting(columns: list[list[Piece]], signs: Signs, room: int) -> list[list[Piece]]:
    widths = [len(column[0].text) + 2 for column in columns]
    if sum(widths) - 2 <= room:
        return columns
    kept, used = 0, len(signs.dots)
    while kept < len(columns) and used + widths[kept] <= room:
        used += widths[kept]
        kept += 1
    return [*columns[:kept], [Piece(signs.dots)] * len(columns[0])]


def _bracketed(line: Line, at: int, count: int, signs: Signs) -> Line:
    top, middle, bottom = signs.brackets[:2], signs.brackets[2:4], signs.brackets[4:]
    if count == 1:
        left, right = "[", "]"
    else:
        left, right = top if at == 0 else bottom if at == count - 1 else middle
    return [Piece(f"{left} "), *line, Piece(f" {right}")]


def _widened(line: Line, width: int) -> Line:
    *inner, last = line
    return [*inner, Piece(" " * (width - length(line))), last]


def _clipped(text: str, signs: Signs) -> str:
    if len(text) <= _LONGEST_ENTRY:
        return text
    return text[: _LONGEST_ENTRY - len(signs.dots)] + signs.dots


def _fitted(label: str, lines: list[Line], signs: Signs, width: int) -> Block:
    """Cut what is still too wide: a long name, or a value that is no matrix."""

    def cut(text: str) -> str:
        return text if len(text) <= width else text[: width - len(signs.dots)] + signs.dots

    lines = [line if length(line) <= width else [Piece(cut(line[0].text))] for line in lines]
    return Block(cut(label), lines)


def _telling_digits(expected: Any, got: Any) -> int | None:
    """Return the fewest digits, six at least, with which some entry differs."""
    if shape(expected) is None or shape(expected) != shape(got):
        return _DIGITS[0]
    couples = list(zip(_flat(expected), _flat(got), strict=True))
    if not any(_differ(one, other, None) for one, other in couples):
        return _DIGITS[0]
    for digits in _DIGITS:
        if any(_differ(one, other, digits) for one, other in couples):
            return digits
    return None


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [entry for item in value for entry in _flat(item)]
    return [value]


def _differ(one: Any, other: Any, digits: int | None) -> bool:
    """Tell whether two entries are different numbers, and read differently with so many digits.

    An exact rational is compared with a float as the float nearest to it. Zeros of either sign
    are the same number.
    """
    first, second = _exact(one), _exact(other)
    if first == second:
        return False
    if isinstance(first, Fraction) and isinstance(second, Fraction):
        return True
    return number(_rounded(first), digits) != number(_rounded(second), digits)


def _exact(entry: Any) -> Any:
    """Return an integer, or a rational as text, as a fraction; anything else as it is."""
    # A text with an exponent could stand for a number of any length, so it isn't read as one.
    rational = isinstance(entry, str) and _RATIONAL.fullmatch(entry)
    return Fraction(entry) if rational or type(entry) is int else entry


def _rounded(entry: Any) -> Any:
    if not isinstance(entry, Fraction):
        return entry
    try:
        return float(entry)
    except OverflowError:
        return math.inf if entry > 0 else -math.inf
