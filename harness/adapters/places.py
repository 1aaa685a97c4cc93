"""Places inside an object: attributes, entries of dicts and lists, however deep.

A layer keeps its parameters and gradients somewhere; a place says where, can be read and set, and
prints itself as the layer's author would write it.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.adapters.roles import unmangled

ATTRIBUTE, ITEM = "attribute", "item"

# How far objects are looked into: a layer's part, and what that part keeps in a dict.
_DEPTH = 3
# A longer list is data, not a collection of parameters.
_LONGEST = 16


@dataclass(frozen=True, slots=True)
class Place:
    """A path from an object to a value in it.

    Attributes:
        steps: pairs of a kind, ``attribute`` or ``item``, and a name or key.
    """

    steps: tuple[tuple[str, Any], ...] = ()

    def attribute(self, name: str) -> Place:
        """The place of an attribute of what is here."""
        return Place((*self.steps, (ATTRIBUTE, name)))

    def item(self, key: Any) -> Place:
        """The place of an entry of what is here."""
        return Place((*self.steps, (ITEM, key)))

    @property
    def name(self) -> str:
        """The last name or key on the way, as a word; empty where there is none."""
        names = [str(key) for kind, key in self.steps if kind == ATTRIBUTE or isinstance(key, str)]
        return names[-1] if names else ""

    @property
    def is_private(self) -> bool:
        """Whether a step on the way is private."""
        return any(kind == ATTRIBUTE and str(key).startswith("_") for kind, key in self.steps)

    def get(self, root: Any) -> Any:
        """The value at the place.

        Raises:
            LookupError: there is none.
        """
        value = root
        for kind, key in self.steps:
            try:
                value = getattr(value, key) if kind == ATTRIBUTE else value[key]
            except Exception as error:
                raise LookupError(f"nothing at {self.show('')}") from error
        return value

    def set(self, root: Any, value: Any) -> None:
        """Put a value there.

        Raises:
            LookupError: the way there does not exist, or it cannot be set.
        """
        holder = Place(self.steps[:-1]).get(root)
        kind, key = self.steps[-1]
        try:
            if kind == ATTRIBUTE:
                setattr(holder, key, value)
            else:
                holder[key] = value
        except Exception as error:
            raise LookupError(f"{self.show('')} cannot be set") from error

    def show(self, root: str) -> str:
        """The place as code, such as ``self.params['W']``."""
        text = root
        for kind, key in self.steps:
            text += f".{unmangled(str(key))}" if kind == ATTRIBUTE else f"[{_index(key)}]"
        return text if root else text.removeprefix(".")


def _index(key: Any) -> str:
    if isinstance(key, tuple):
        return ", ".join(map(_index, key))
    if isinstance(key, slice):
        start, stop = ("" if bound is None else str(bound) for bound in (key.start, key.stop))
        return f"{start}:{stop}"
    return repr(key)


def read_place(text: str) -> Place | None:
    """The place that a text names: ``weights``, ``self.w``, ``self.params["W"]``; None if none."""
    try:
        node: ast.AST = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return None
    steps: list[tuple[str, Any]] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            steps.append((ATTRIBUTE, node.attr))
            node = node.value
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            steps.append((ITEM, node.slice.value))
            node = node.value
        else:
            return None
    if node.id != "self":
        steps.append((ATTRIBUTE, node.id))
    return Place(tuple(reversed(steps)))


def walk(root: Any) -> Iterator[tuple[Place, Any]]:
    """Every value kept in an object, with its place: the nearest first, public before private."""
    seen: set[int] = {id(root)}
    layer: list[tuple[Place, Any]] = [(Place(), root)]
    for _ in range(_DEPTH):
        inner: list[tuple[Place, Any]] = []
        for place, holder in layer:
            for found, value in _members(place, holder):
                yield found, value
                if _can_hold(value) and id(value) not in seen:
                    seen.add(id(value))
                    inner.append((found, value))
        layer = inner


def _members(place: Place, holder: Any) -> list[tuple[Place, Any]]:
    if isinstance(holder, Mapping):
        return [(place.item(key), value) for key, value in list(holder.items())]
    if isinstance(holder, (list, tuple)):
        fields = getattr(holder, "_fields", None)
        if fields:
            return [(place.attribute(f), v) for f, v in zip(fields, holder, strict=True)]
        return [(place.item(k), value) for k, value in enumerate(holder[:_LONGEST])]
    names = _attribute_names(holder)
    return [
        (place.attribute(name), value)
        for name in sorted(names, key=lambda n: (n.startswith("_"), names[n]))
        if (value := _attribute(holder, name)) is not _ABSENT
    ]


_ABSENT = object()


def _attribute(holder: Any, name: str) -> Any:
    try:
        return getattr(holder, name)
    except Exception:
        # A property may need a forward pass first; a slot may be unset.
        return _ABSENT


def _attribute_names(holder: Any) -> dict[str, int]:
    """Instance attributes, slots and properties, each with its place in order of appearance."""
    names = dict.fromkeys(getattr(holder, "__dict__", ()))
    for kind in type(holder).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot not in ("__dict__", "__weakref__"):
                hidden = slot.startswith("__") and not slot.endswith("__")
                names[f"_{kind.__name__.lstrip('_')}{slot}" if hidden else slot] = None
        for name, member in vars(kind).items():
            if isinstance(member, property) and not name.startswith("__"):
                names[name] = None
    return {name: k for k, name in enumerate(names)}


_OPAQUE = (
    *(type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType),
    *(np.ndarray, np.generic, np.random.Generator, np.random.RandomState, np.ufunc, np.dtype),
    *(str, bytes, int, float, complex, bool, type(None), range, set, frozenset),
)


def _can_hold(value: Any) -> bool:
    if isinstance(value, _OPAQUE):
        return False
    if isinstance(value, (list, tuple)):
        return 0 < len(value) <= _LONGEST
    if isinstance(value, Mapping):
        return len(value) <= _LONGEST
    return hasattr(value, "__dict__") or any("__slots__" in vars(k) for k in type(value).__mro__)


# ---------------------------------------------------------------- what a call changed


def _content(value: Any) -> Any:
    """Something that is equal for equal contents."""
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, (int, float, complex, np.generic, str, type(None))):
        return (type(value).__name__, repr(value))
    return id(value)


class Snapshot:
    """What an object kept at one time."""

    def __init__(self, root: Any) -> None:
        self._contents = {place: _content(value) for place, value in walk(root)}

    def changed(self, root: Any) -> Iterator[tuple[Place, Any]]:
        """What is new or different now, with its place."""
        for place, value in walk(root):
            if place not in self._contents or self._contents[place] != _content(value):
                yield place, value
