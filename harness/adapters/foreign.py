"""Hand-written passes on another library's arrays, as passes on NumPy's.

What they are given is turned into arrays of that library, and what they return or keep is turned
back; their text is theirs. So they are understood as layers of NumPy are.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from backproof.adapters.functions import find_pair
from backproof.errors import UsageError
from backproof.loading import Loaded

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Foreign:
    """The arrays of a library.

    Attributes:
        library: its name.
        owns: whether a value is one of its arrays.
        taken: one of its arrays for one of NumPy's.
        given: one of NumPy's arrays for one of its.
        scope: in which its code runs.
    """

    library: str
    owns: Callable[[Any], bool]
    taken: Callable[[Array], Any]
    given: Callable[[Any], Array]
    scope: Callable[[], AbstractContextManager[Any]]

    def inward(self, value: Any) -> Any:
        """A value for the library's code: NumPy's arrays, however deep, as its own."""
        if isinstance(value, np.ndarray):
            return self.taken(value)
        if isinstance(value, _View):
            return value.own
        return _mapped(value, self.inward)

    def outward(self, value: Any) -> Any:
        """A value of the library's code for ours."""
        if self.owns(value):
            return self.given(value)
        if type(value) is dict:
            return _View(value, self)
        return _mapped(value, self.outward)


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    if type(value) in (list, tuple):
        return type(value)(map(change, value))
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(map(change, value))
    return value


class _View(MutableMapping[Any, Any]):
    """A dict of the library's arrays, as one of NumPy's that writes through."""

    def __init__(self, own: dict[Any, Any], foreign: Foreign) -> None:
        self.own = own
        self.foreign = foreign

    def __getitem__(self, key: Any) -> Any:
        return self.foreign.outward(self.own[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        with self.foreign.scope():
            self.own[key] = self.foreign.inward(value)

    def __delitem__(self, key: Any) -> None:
        del self.own[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.own)

    def __len__(self) -> int:
        return len(self.own)


# ---------------------------------------------------------------- classes


def numpy_class(cls: type, foreign: Foreign) -> type:
    """A class of NumPy arrays with the methods, attributes and name of another one."""

    class Standing:
        def __init__(self, *given: Any, **named: Any) -> None:
            with foreign.scope():
                inner = cls(
                    *map(foreign.inward, given),
                    **{name: foreign.inward(value) for name, value in named.items()},
                )
            object.__setattr__(self, "_inner", inner)

        def __getattr__(self, name: str) -> Any:
            return foreign.outward(getattr(_inner(self), name))

        def __setattr__(self, name: str, value: Any) -> None:
            with foreign.scope():
                setattr(_inner(self), name, foreign.inward(value))

    members: dict[str, Any] = {"__dict__": property(functools.partial(_attributes, foreign))}
    for kind in reversed(cls.__mro__[:-1]):
        for name, member in vars(kind).items():
            if isinstance(member, property):
                members[name] = _property(name, foreign)
            elif isinstance(member, (staticmethod, classmethod)):
                members[name] = staticmethod(_converted(getattr(cls, name), foreign))
            elif isinstance(member, FunctionType) and (name == "__call__" or name[:2] != "__"):
                members[name] = _method(member, foreign)
    found = type(cls.__name__, (Standing,), members)
    found.__module__, found.__qualname__ = cls.__module__, cls.__qualname__
    found.__signature__ = inspect.signature(cls)  # type: ignore[attr-defined]
    return found


def _inner(standing: Any) -> Any:
    return object.__getattribute__(standing, "_inner")


def _attributes(foreign: Foreign, standing: Any) -> dict[str, Any]:
    kept = getattr(_inner(standing), "__dict__", {})
    return {name: foreign.outward(value) for name, value in kept.items()}


def _property(name: str, foreign: Foreign) -> property:
    def get(standing: Any) -> Any:
        with foreign.scope():
            return foreign.outward(getattr(_inner(standing), name))

    def put(standing: Any, value: Any) -> None:
        with foreign.scope():
            setattr(_inner(standing), name, foreign.inward(value))

    return property(get, put)


def _method(function: FunctionType, foreign: Foreign) -> Any:
    called = _converted(function, foreign)

    @functools.wraps(function)
    def method(standing: Any, *given: Any, **named: Any) -> Any:
        return called(_inner(standing), *given, **named)

    return method


def _converted(function: Callable[..., Any], foreign: Foreign) -> Any:
    @functools.wraps(function)
    def converted(*given: Any, **named: Any) -> Any:
        with foreign.scope():
            found = function(
                *map(foreign.inward, given),
                **{name: foreign.inward(value) for name, value in named.items()},
            )
        return foreign.outward(found)

    return converted


# ---------------------------------------------------------------- pairs of functions


def numpy_pair(loaded: Loaded, foreign: Foreign) -> Loaded:
    """A pair of functions, either of which was named, as one on NumPy's arrays.

    Raises:
        UsageError: there is no other half.
    """
    halves = find_pair(loaded)
    module = ModuleType(loaded.module.__name__)
    vars(module).update(vars(loaded.module))
    for half in halves:
        setattr(module, half.__name__, _converted(half, foreign))
    return replace(loaded, object=getattr(module, loaded.object.__name__), module=module)


# ---------------------------------------------------------------- which code is another library's


def own_functions(loaded: Loaded) -> list[FunctionType]:
    """The functions that a layer consists of: a class's methods, or a pair."""
    found = loaded.object
    if inspect.isclass(found):
        members = [m for kind in found.__mro__[:-1] for m in vars(kind).values()]
        plain = [getattr(m, "__func__", m) for m in members]
        return [m for m in plain if isinstance(m, FunctionType)]
    if not isinstance(found, FunctionType):
        return []
    try:
        halves = find_pair(loaded)
    except UsageError:
        return []
    return [half for half in halves if isinstance(half, FunctionType)]


def speaks_of(loaded: Loaded, libraries: Sequence[str]) -> bool:
    """Whether the code of a class's passes or of a pair names something of a library."""
    return any(
        _library(function.__globals__.get(name)) in libraries
        for function in own_functions(loaded)
        for name in _names_in(inspect.unwrap(function).__code__)
    )


def _library(value: Any) -> str:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return str(name or "").partition(".")[0]


def _names_in(code: CodeType) -> set[str]:
    inner = [_names_in(c) for c in code.co_consts if isinstance(c, CodeType)]
    return set(code.co_names).union(*inner)
