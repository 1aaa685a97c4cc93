"""Options of ``verify`` and ``check`` that hold for a while, such as those of a test's marker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_CURRENT: ContextVar[Mapping[str, Any] | None] = ContextVar("backproof defaults", default=None)


@contextmanager
def defaults(**options: Any) -> Iterator[None]:
    """Let calls inside take these options unless they are given others."""
    token = _CURRENT.set(with_defaults(options))
    try:
        yield
    finally:
        _CURRENT.reset(token)


def with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options, completed by those that hold now."""
    return {**(_CURRENT.get() or {}), **options}
