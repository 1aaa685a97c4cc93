"""A text with its name, places in it, and excerpts with a caret: what every error message shows."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

EXCERPT_WIDTH = 80


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of character offsets into a source's text."""

    start: int
    end: int

    def through(self, other: Span) -> Span:
        """The smallest span that holds both."""
        return Span(min(self.start, other.start), max(self.end, other.end))


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Source:
    """A text under the name it is reported by (a file's path, or ``<text>``)."""

    text: str
    name: str = "<text>"
    _starts: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        starts = [0]
        starts += [i + 1 for i, character in enumerate(self.text) if character == "\n"]
        object.__setattr__(self, "_starts", starts)

    def place(self, offset: int) -> Place:
        """Line and column of a character offset."""
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)

    def line_text(self, line: int) -> str:
        """The text of a line counted from 1, without its end."""
        start = self._starts[line - 1]
        end = self._starts[line] - 1 if line < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r")

    def excerpt(self, span: Span, label: str = "") -> str:
        """The line that holds the span's start, with carets under the span and a label after them.

        A long line is cut around the span, so that a message stays readable whatever was given.
        """
        place = self.place(span.start)
        line = self.line_text(place.line)
        first = place.column - 1
        length = max(1, min(span.end - span.start, len(line) - first))
        cut = max(0, first - EXCERPT_WIDTH // 2) if len(line) > EXCERPT_WIDTH else 0
        # A control character would move the carets, or the terminal.
        piece = line[cut : cut + EXCERPT_WIDTH]
        shown = "".join(c if c.isprintable() else " " for c in piece)
        before, after = ("..." if cut else ""), ("..." if cut + EXCERPT_WIDTH < len(line) else "")
        length = min(length, EXCERPT_WIDTH - (first - cut)) or 1
        number = str(place.line)
        gutter = " " * len(number)
        carets = " " * (len(before) + first - cut) + "^" * length
        return (
            f"{number} | {before}{shown}{after}\n{gutter} | {carets}{' ' + label if label else ''}"
        )
