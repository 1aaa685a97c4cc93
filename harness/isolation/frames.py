"""Messages over pipes: a length, then MessagePack, decoded into the types that are expected."""

from __future__ import annotations

import os
import select
import struct
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

LENGTH = struct.Struct("<Q")
# Bytes of one message; a layer's results are far smaller.
LARGEST = 2**31
_CHUNK = 2**20
_LOOK_EVERY = 0.2


class Patience:
    """How much longer to wait.

    Args:
        seconds: without any sign of progress.
        progress: a number that changes where there is progress.
        first: seconds until the first sign, where that is another time.
    """

    def __init__(
        self, seconds: float, progress: Callable[[], int], first: float | None = None
    ) -> None:
        self._after = seconds
        self._seconds = seconds if first is None else first
        self._progress = progress
        self._seen = progress()
        self._since = time.monotonic()

    @property
    def left(self) -> float:
        """The seconds that are left, at most."""
        now, seen = time.monotonic(), self._progress()
        if seen != self._seen:
            self._seen, self._since, self._seconds = seen, now, self._after
        return self._since + self._seconds - now


class Closed(Exception):
    """The other side has closed its end."""


class Late(Exception):
    """The other side was not ready in time."""


class Garbled(Exception):
    """What came is no message."""


def write(descriptor: int, message: msgspec.Struct, patience: Patience | None = None) -> None:
    """Send a message.

    Args:
        descriptor: of a pipe; where patience is limited, one that does not block.
        message: what to send.
        patience: how long to wait; None for as long as it takes.

    Raises:
        Closed: nobody reads any more.
        Late: it took too long.
    """
    body = msgspec.msgpack.encode(message)
    rest = memoryview(LENGTH.pack(len(body)) + body)
    while rest:
        if patience is not None:
            _ready((), (descriptor,), patience)
        try:
            rest = rest[os.write(descriptor, rest[:_CHUNK]) :]
        except BlockingIOError:
            continue
        except OSError as error:
            raise Closed from error


def read(
    descriptor: int, kind: type[T] | Any, patience: Patience | None = None, also: Iterable[int] = ()
) -> T:
    """Receive a message.

    Args:
        descriptor: of a pipe.
        kind: the type that is expected.
        patience: how long to wait; None for as long as it takes.
        also: descriptors that become readable when the other side ends; then nothing more is
            waited for.

    Raises:
        Closed: the other side has closed its end, or has ended.
        Late: it took too long.
        Garbled: what came is of no such type.
    """
    (length,) = LENGTH.unpack(_read_exactly(descriptor, LENGTH.size, patience, also))
    if length > LARGEST:
        raise Garbled(f"a message of {length} bytes")
    body = _read_exactly(descriptor, length, patience, also)
    try:
        found: T = msgspec.msgpack.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise Garbled(str(error)) from error
    return found


def _read_exactly(
    descriptor: int, size: int, patience: Patience | None, also: Iterable[int]
) -> bytearray:
    found = bytearray()
    while len(found) < size:
        if patience is not None and descriptor not in _ready((descriptor, *also), (), patience):
            raise Closed
        try:
            part = os.read(descriptor, min(size - len(found), _CHUNK))
        except OSError as error:
            raise Closed from error
        if not part:
            raise Closed
        found += part
    return found


def _ready(reading: tuple[int, ...], writing: tuple[int, ...], patience: Patience) -> set[int]:
    while (left := patience.left) > 0:
        # Progress wakes nobody: it is looked for.
        found = select.select(reading, writing, (), min(left, _LOOK_EVERY))
        if ready := {*found[0], *found[1]}:
            return ready
    raise Late
