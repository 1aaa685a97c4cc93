"""Whether two processes mean the same thing by a name: a layer's code, as one short text."""

from __future__ import annotations

import hashlib
import inspect
from types import CodeType, FunctionType
from typing import Any


def fingerprint(layer: Any) -> str:
    """A text that differs where the code of a class or function does.

    A class that was changed after its module was imported is another one than its module defines.
    """
    digest = hashlib.sha256()
    for name, code in _codes(layer):
        digest.update(repr((name, *_content(code))).encode())
    return digest.hexdigest()


def _codes(layer: Any) -> list[tuple[str, CodeType]]:
    if not inspect.isclass(layer):
        found = inspect.unwrap(layer) if callable(layer) else layer
        return [("", found.__code__)] if isinstance(found, FunctionType) else []
    codes = []
    for owner in layer.__mro__[:-1]:
        for name, member in sorted(vars(owner).items()):
            function = getattr(member, "__func__", member)
            if isinstance(function, FunctionType):
                codes.append((f"{owner.__qualname__}.{name}", function.__code__))
    return codes


def _content(code: CodeType) -> tuple[Any, ...]:
    """What a piece of code does, and not where it stands."""
    constants = tuple(_content(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts)
    return (code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars)
