"""Characters to tokens with their places; shared by index notation and matrix notation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from backproof.spec.errors import SpecError
from backproof.spec.source import Source, Span


class Kind(StrEnum):
    """What a token is; the value is how a message speaks of it."""

    NAME = "a name"
    NUMBER = "a number"
    SIGN = "a sign"
    LINE = "the end of the line"
    END = "the end of the text"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: what it is, how it reads, where it stands."""

    kind: Kind
    text: str
    span: Span

    @property
    def shown(self) -> str:
        """How a message quotes the token."""
        return f"'{self.text}'" if self.kind in (Kind.NAME, Kind.NUMBER, Kind.SIGN) else self.kind


# A tensor's name may carry a layer script in braces, as in A{l-1}; primes belong to functions.
NAME = r"(?:[^\W\d]\w*)(?:\{[\w+\-]+\})?"
_TOKEN = re.compile(
    rf"""
    (?P<blank>[ \t\r\f\v\u00a0]+|\#[^\n]*|\\\n)
  | (?P<line>\n|;)
  | (?P<number>\d+(?:\.\d+)?|\.\d+)
  | (?P<name>{NAME})
  | (?P<sign>\*\*|:=|<=|>=|\.T(?!\w)|\.\*|[-+*/^=()\[\],:'@|<>]|[−×·⊙∘′ᵀ⊤←≤≥])
    """,
    re.VERBOSE,
)
_SAME = {"**": "^", "−": "-", "′": "'", "∘": "⊙", ".*": "⊙", ":=": "=", "≤": "<=", "≥": ">="}
_CLOSING = {"(": ")", "[": "]"}
MAX_DEPTH = 100
MAX_DIGITS = 1000


def tokenize(source: Source) -> list[Token]:
    """All tokens of a text; line ends inside brackets are dropped.

    Raises:
        SpecError: a stray character, a bracket that nothing closes or opens, nesting past
            ``MAX_DEPTH``, or a number of more than ``MAX_DIGITS`` digits.
    """
    text = source.text
    tokens: list[Token] = []
    opened: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _stray(source, at)
        at = match.end()
        span = Span(match.start(), match.end())
        kind, written = match.lastgroup, match.group()
        if kind == "blank":
            continue
        if kind == "line":
            if not opened:
                tokens.append(Token(Kind.LINE, written, span))
            elif written == ";":
                raise _unclosed(source, opened[-1])
            continue
        if kind == "number" and len(written) > MAX_DIGITS:
            raise SpecError(f"a number of more than {MAX_DIGITS} digits", source, span)
        token = Token(
            {"number": Kind.NUMBER, "name": Kind.NAME, "sign": Kind.SIGN}[str(kind)],
            _SAME.get(written, written),
            span,
        )
        if token.text in _CLOSING:
            opened.append(token)
            if len(opened) > MAX_DEPTH:
                raise SpecError(
                    f"brackets are nested more than {MAX_DEPTH} deep",
                    source,
                    span,
                    help="give the inner expressions names of their own, one statement each",
                )
        elif token.text in _CLOSING.values():
            if not opened:
                raise SpecError(f"'{token.text}' closes nothing", source, span)
            opener = opened.pop()
            if _CLOSING[opener.text] != token.text:
                raise SpecError(
                    f"expected '{_CLOSING[opener.text]}', found '{token.text}'",
                    source,
                    span,
                    also=(opener.span, "opened here"),
                )
        tokens.append(token)
    if opened:
        raise _unclosed(source, opened[-1])
    tokens.append(Token(Kind.END, "", Span(len(text), len(text))))
    return tokens


def _unclosed(source: Source, opener: Token) -> SpecError:
    return SpecError(
        f"'{opener.text}' is never closed",
        source,
        opener.span,
        label=f"expected a matching '{_CLOSING[opener.text]}'",
    )


def _stray(source: Source, at: int) -> SpecError:
    character = source.text[at]
    known = "letters, digits, _ and + - * / ^ = < > ( ) [ ] , : ' #"
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    return SpecError(
        f"stray character '{shown}'",
        source,
        Span(at, at + 1),
        label=f"expected one of {known}",
    )
