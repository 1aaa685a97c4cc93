"""A place in a row of tokens, for the readers of index notation and of matrix notation."""

from __future__ import annotations

from collections.abc import Sequence

from backproof.spec.errors import SpecError
from backproof.spec.notation.tokens import Kind, Token
from backproof.spec.source import Source, Span


class Cursor:
    """Reads tokens one by one.

    Args:
        source: the text that they are from.
        tokens: the last of them is the end.
    """

    def __init__(self, source: Source, tokens: Sequence[Token]) -> None:
        self.source = source
        self.tokens = tokens
        self.at = 0

    @property
    def token(self) -> Token:
        """The token that is read next."""
        return self.tokens[self.at]

    @property
    def last(self) -> Span:
        """Where the token before this one stands; a value's own span leaves out its brackets."""
        return self.tokens[self.at - 1].span

    def advance(self) -> Token:
        """Read a token; the end is never passed."""
        token = self.token
        if token.kind is not Kind.END:
            self.at += 1
        return token

    def found(self, *texts: str) -> bool:
        """Whether one of these signs stands here."""
        return self.token.kind is Kind.SIGN and self.token.text in texts

    def expect(self, text: str, why: str = "") -> Token:
        """Read a sign.

        Raises:
            SpecError: another token stands here.
        """
        if not self.found(text):
            raise self.unexpected(f"'{text}' {why}".rstrip())
        return self.advance()

    def skip_lines(self) -> None:
        """Pass the ends of lines."""
        while self.token.kind is Kind.LINE:
            self.advance()

    def expect_end(self) -> None:
        """Return at the end of the text.

        Raises:
            SpecError: a token is left.
        """
        if self.token.kind is not Kind.END:
            raise self.unexpected("an operator or the end")

    def unexpected(self, expected: str, help: str = "") -> SpecError:
        """The error that another token than expected stands here."""
        found = f"expected {expected}, found {self.token.shown}"
        return SpecError(found, self.source, self.token.span, help=help)
