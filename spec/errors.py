"""Errors in what a user wrote, with the place, what was found, what was expected, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from backproof.spec.source import Source, Span


class SpecError(ValueError):
    """A text in index or matrix notation that cannot be read or does not make sense.

    Attributes:
        message: what is wrong, in one line.
        source: the text, when the error has a place in one.
        span: where it is wrong.
        label: what stands under the carets.
        also: a second place that the message speaks of, with its label.
        help: what to do about it.
    """

    def __init__(
        self,
        message: str,
        source: Source | None = None,
        span: Span | None = None,
        *,
        label: str = "",
        also: tuple[Span, str] | None = None,
        help: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.span = span
        self.label = label
        self.also = also
        self.help = help

    def __str__(self) -> str:
        lines = []
        if self.source is not None and self.span is not None:
            place = self.source.place(self.span.start)
            lines.append(f"{self.source.name}:{place.line}:{place.column}: {self.message}")
            lines.append(self.source.excerpt(self.span, self.label))
            if self.also is not None:
                lines.append(self.source.excerpt(*self.also))
        else:
            lines.append(self.message)
        if self.help:
            lines.append(f"help: {self.help}")
        return "\n".join(lines)


def near(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that are close to the given one, the closest first."""
    known = sorted(set(known))
    folded = {k.lower(): k for k in known}
    found = difflib.get_close_matches(name.lower(), list(folded), n=3, cutoff=0.6)
    return [folded[f] for f in found]


def suggestion(name: str, known: Iterable[str]) -> str:
    """A clause such as ``a near name is 'sigmoid'``; empty when nothing is near."""
    names = near(name, known)
    if not names:
        return ""
    quoted = ", ".join(f"'{n}'" for n in names)
    return f"a near name is {quoted}" if len(names) == 1 else f"near names are {quoted}"
