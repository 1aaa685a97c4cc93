"""Errors that a user sees as one message, with exit code 2: nothing could be judged."""

from __future__ import annotations


class UsageError(Exception):
    """Something that a user gave cannot be used.

    Attributes:
        message: what is wrong, with its place.
        help: what to do about it.
    """

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help

    def __str__(self) -> str:
        return self.message + (f"\nhelp: {self.help}" if self.help else "")


class NotInferredError(UsageError):
    """A subject whose names, layout or protocol could not be found out.

    ``candidates`` are what was considered, for the message.
    """

    def __init__(self, message: str, candidates: tuple[str, ...] = (), help: str = "") -> None:
        if candidates:
            message += "".join(f"\n  - {candidate}" for candidate in candidates)
        super().__init__(message, help)
        self.candidates = candidates
