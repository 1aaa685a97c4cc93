"""Following a value to another name: into a part of the layer, or out of the cache."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from backproof.adapters import roles
from backproof.adapters.forwarding import same
from backproof.adapters.machine import FORWARD, Halt, Machine, look
from backproof.adapters.model import PROBES, probe_data
from backproof.adapters.places import ATTRIBUTE, Place, read_place
from backproof.adapters.source import Assignment, Definition, names_in

# A property that hands over to a property that hands over; more is a loop.
_HANDED_OVER = 4


def set_elsewhere(place: Place, layer: Any) -> tuple[Definition, Assignment] | None:
    """The statement outside of the pass itself that sets a place of a layer.

    It may stand in another method, or in one of the part of the layer that keeps the value.
    """
    for _ in range(_HANDED_OVER):
        try:
            holder = Place(place.steps[:-1]).get(layer)
        except LookupError:
            return None
        kind, name = place.steps[-1]
        own = Place((place.steps[-1],)).show("self")
        for text in _methods(type(holder)):
            found = text.of_target(own)
            if found is not None:
                return text, found
        handed = _handed_over(type(holder), name) if kind == ATTRIBUTE else None
        if handed is None:
            return None
        place = Place((*place.steps[:-1], *handed.steps))
    return None


def _methods(cls: type) -> Iterator[Definition]:
    """The methods of a class but its constructor: that only makes room."""
    for name, member in inspect.getmembers(cls, inspect.isfunction):
        if name not in ("__init__", "__post_init__"):
            text = Definition.of(member)
            if text is not None:
                yield text


def _handed_over(cls: type, name: str) -> Place | None:
    """What a property returns, if that is a place."""
    member = inspect.getattr_static(cls, name, None)
    if not isinstance(member, property) or member.fget is None:
        return None
    text = Definition.of(member.fget)
    value = None if text is None else text.returned
    return None if value is None else read_place(ast.unparse(value))


# ---------------------------------------------------------------- caches


def names_from_cache(machine: Machine, text: Definition | None) -> dict[str, str]:
    """What the backward function calls the tensors that it takes out of the cache."""
    cache_name = machine.backward[0].parameter_of(roles.CACHE)
    if text is None or cache_name is None:
        return {}
    sizes = PROBES[0]
    data = probe_data(machine.model, sizes)
    given = {name: array.copy() for name, array in data.items()}
    try:
        roots = machine.run_forward(None, sizes, given)
    except Halt:
        return {}
    known: dict[str, Any] = {name: data[name] for name in machine.model.spec.program.inputs}
    known |= {
        name: look(where, roots) for name, where in machine.outputs.items() if where.root == FORWARD
    }
    found: dict[str, str] = {}
    for target, value in _taken(text, cache_name, machine.cache(roots)):
        for name, expected in known.items():
            if expected is not None and same(value, expected):
                found.setdefault(name, target)
    return found


def _taken(text: Definition, cache_name: str, cache: Any) -> Iterator[tuple[str, Any]]:
    """The local names of what is taken out of a cache, with the values."""
    for statement in text.statements:
        if not isinstance(statement, ast.Assign) or cache_name not in names_in(statement.value):
            continue
        for target in statement.targets:
            values = _values(statement.value, cache_name, cache)
            if isinstance(target, ast.Name) and len(values) == 1:
                yield target.id, values[0]
            elif isinstance(target, (ast.Tuple, ast.List)):
                if len(values) == 1 and isinstance(values[0], (tuple, list)):
                    values = list(values[0])
                if len(values) == len(target.elts):
                    for one, value in zip(target.elts, values, strict=True):
                        if isinstance(one, ast.Name):
                            yield one.id, value


def _values(node: ast.expr, cache_name: str, cache: Any) -> list[Any]:
    """What an expression over a cache is worth: the cache, an entry, or several."""
    if isinstance(node, ast.Tuple):
        return [v for part in node.elts for v in _values(part, cache_name, cache)[:1]]
    if isinstance(node, ast.Name) and node.id == cache_name:
        return [cache]
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Constant):
        return []
    if not isinstance(node.value, ast.Name) or node.value.id != cache_name:
        return []
    try:
        return [cache[node.slice.value]]
    except (KeyError, IndexError, TypeError):
        return []


def prefer_used(
    names: Mapping[str, str], others: Mapping[str, str], text: Definition | None
) -> dict[str, str]:
    """Names with others in their place where the text does not use them."""
    used = set() if text is None else {name for s in text.statements for name in names_in(s)}
    found = dict(names)
    for tensor, other in others.items():
        if tensor not in found or found[tensor] not in used:
            found[tensor] = other
    return found
