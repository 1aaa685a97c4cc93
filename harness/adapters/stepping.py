"""What a layer's own steps go by: the places that it reads where it changes its parameters."""

from __future__ import annotations

import ast
import inspect
from functools import lru_cache
from typing import Any

import numpy as np

from backproof.adapters.machine import Array, Machine
from backproof.adapters.source import Definition, names_in


def read_in_steps(machine: Machine, name: str, passes: tuple[str, ...] = ()) -> frozenset[str]:
    """The attributes that a layer's methods read where they change a parameter.

    A method such as ``update`` that takes what ``backward`` stored off the bias says that it is
    the bias's gradient, whatever it is called.

    Args:
        machine: of the layer.
        name: of the parameter.
        passes: the methods that are passes, and no steps.
    """
    slot = machine.slots.get(name)
    made: Any = None if machine.construct is None else machine.construct.function
    if slot is None or not inspect.isclass(made):
        return frozenset()
    key: Any = made
    return _read_in_steps(key, slot.place.show("self"), passes)


@lru_cache(maxsize=256)
def _read_in_steps(cls: Any, place: str, passes: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    for name, member in inspect.getmembers(cls, inspect.isfunction):
        text = None if name in ("__init__", *passes) else Definition.of(member)
        if text is None:
            continue
        for assignment in text.assignments:
            if assignment.target == place:
                found |= _reached(text, assignment.statement)
    return frozenset(name for name in found if name.startswith("self.") and name != place)


def _reached(text: Definition, statement: ast.stmt) -> set[str]:
    """Every name that a statement reads, and those that local names on the way are made of."""
    found: set[str] = set()
    pending = [*names_in(getattr(statement, "value", statement))]
    while pending:
        name = pending.pop()
        if name in found:
            continue
        found.add(name)
        for assignment in text.assignments:
            if assignment.target == name and assignment.statement.lineno <= statement.lineno:
                pending += names_in(
                    assignment.value or getattr(assignment.statement, "value", None)
                )
    return found


class Recording(np.ndarray):
    """A parameter that keeps what is taken off it in place, even where that raises."""

    taken: list[Array]

    @classmethod
    def of(cls, array: Array) -> Recording:
        """A copy of an array that records."""
        found = np.array(array, copy=True, order="K").view(cls)
        found.taken = []
        return found

    def __array_finalize__(self, source: object) -> None:
        """A part, or what is computed from it, records for itself."""
        self.taken = []

    def __isub__(self, other: object) -> Recording:  # type: ignore[override,misc]
        """Take something off, and keep what it was."""
        self.taken.append(np.array(other, copy=True))
        return super().__isub__(other)
