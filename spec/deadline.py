"""A limit of time, asked about from deep inside of work that may take long."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class OutOfTimeError(Exception):
    """The time that was given is over."""


class _Limit(threading.local):
    until = math.inf


_LIMIT = _Limit()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Give what runs inside at most so many seconds, and no more than the limit around has left."""
    before = _LIMIT.until
    if seconds < math.inf:
        _LIMIT.until = min(before, time.monotonic() + seconds)
    try:
        yield
    finally:
        _LIMIT.until = before


@contextmanager
def no_time_limit() -> Iterator[None]:
    """Let what runs inside finish, whatever the limit around says."""
    before, _LIMIT.until = _LIMIT.until, math.inf
    try:
        yield
    finally:
        _LIMIT.until = before


def time_left() -> float:
    """The seconds that are left; infinite without a limit."""
    return _LIMIT.until - time.monotonic() if _LIMIT.until < math.inf else math.inf


def check_time() -> None:
    """Return while there is time.

    Raises:
        OutOfTimeError: there is none left.
    """
    if _LIMIT.until < math.inf and time.monotonic() > _LIMIT.until:
        raise OutOfTimeError("no time was left")
