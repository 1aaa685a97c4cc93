"""Running a backward pass and listing all that it shows: returned, stored, written into a dict."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.adapters import roles
from backproof.adapters.forwarding import leaves_of, numbers
from backproof.adapters.machine import (
    GIVEN,
    LAYER,
    RATE,
    Machine,
    Where,
    backward_root,
    shaped,
)
from backproof.adapters.model import Sizes, probe_data
from backproof.adapters.places import Place, Snapshot, walk
from backproof.adapters.source import Definition
from backproof.adapters.stepping import read_in_steps
from backproof.arrays import plain

# Where a container's name says that it holds gradients, its keys are those of the parameters.
_CONTAINERS = ("grads", "gradients", "grad", "gradient", "derivatives", "dparams", "deltas")
# Names that say nothing of their own: the holder's name counts.
_VALUES = ("value", "data", "values", "array", "val", "param", "tensor")


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """Something that a backward pass showed.

    Attributes:
        where: it is shown.
        name: its author's name for it; empty where it has none.
        value: what it was.
        changed: whether the backward pass set it.
    """

    where: Where
    name: str
    value: Any
    changed: bool = True


@dataclass(frozen=True, slots=True)
class Observed:
    """One backward pass that ran.

    Attributes:
        sizes: at which sizes.
        data: on what.
        shown: what it showed.
        updated: the parameters that it changed.
        steps: what it took off each of them, divided by the rate.
    """

    sizes: Sizes
    data: Mapping[str, NDArray[np.float64]]
    shown: tuple[Shown, ...]
    updated: tuple[str, ...] = ()
    steps: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


def observe(
    machine: Machine, sizes: Sizes, texts: Sequence[Definition | None], seed: int = 1
) -> Observed:
    """Run forward and backward on a fresh layer and list what the backward pass showed.

    Args:
        machine: how the layer is called.
        sizes: at which sizes.
        texts: the source of each part of the backward pass.
        seed: of the data.

    Raises:
        Halt: the layer's own code raised.
    """
    data = probe_data(machine.model, sizes, seed)
    given = {name: array.copy() for name, array in data.items()}
    layer = machine.start(sizes, given)
    machine.put(layer, given)
    roots = machine.run_forward(layer, sizes, given)
    before = Snapshot(layer) if layer is not None else None
    upstream = given[f"d{machine.model.output}"]
    machine.run_backward(roots, sizes, given, upstream)
    shown: list[Shown] = []
    for part, text in enumerate(texts):
        root = backward_root(part)
        for leaf in leaves_of(root, roots[root]):
            name = _returned_name(leaf.where.place, text)
            shown.append(Shown(leaf.where, name, _kept(machine.as_stated(plain(leaf.value)))))
    for place, value in walk(roots[GIVEN]):
        shown.append(Shown(Where(GIVEN, place), place.name, _kept(value)))
    if layer is not None and before is not None:
        changed = {place for place, _ in before.changed(layer)}
        for place, value in walk(layer):
            shown.append(
                Shown(
                    Where(LAYER, place),
                    place.name,
                    _kept(machine.as_stated(plain(value))),
                    place in changed,
                )
            )
    shown = [s for s in shown if not _is_given(s, machine, data, upstream)]
    steps = _steps(machine, layer, data)
    updated = tuple(name for name, step in steps.items() if step.any())
    return Observed(sizes, data, tuple(shown), updated, steps)


def _steps(
    machine: Machine, layer: Any, data: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    found = {}
    for name, slot in machine.slots.items():
        array = numbers(slot.place.get(layer))
        before = shaped(data[name], slot.shape)
        if array is not None and before.ndim <= array.ndim:
            # A bias that a step has made as large as the batch is one that lacks its sum.
            with contextlib.suppress(ValueError):
                found[name] = (before - array) / RATE
    return found


def _kept(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _returned_name(place: Place, text: Definition | None) -> str:
    path = tuple(key for _, key in place.steps)
    if text is not None:
        found = text.name_returned_at(path)
        if found is not None:
            return found.removeprefix("self.")
    return place.name


def _is_given(
    shown: Shown,
    machine: Machine,
    data: Mapping[str, NDArray[np.float64]],
    upstream: NDArray[np.float64],
) -> bool:
    """Whether it is a parameter or the upstream gradient, kept as it came."""
    kept = [slot.place for slot in machine.slots.values()]
    kept += [Place(slot.place.steps[:-1]) for slot in machine.slots.values() if slot.is_part]
    if any(shown.where == Where(LAYER, place) for place in kept):
        return True
    if shown.where.root != LAYER:
        return False
    role = name_role(shown)
    stepped = any(
        shown.where.place.show("self") in read_in_steps(machine, n) for n in machine.slots
    )
    if stepped or (role is not None and not roles.is_weak(role)):
        # A bias's gradient that is the upstream one lacks its sum, but is what it is called.
        return False
    array = numbers(shown.value)
    if array is None:
        return shown.value is not None
    known = [upstream, *(data[name] for name in machine.model.spec.program.inputs)]
    return any(array.shape == k.shape and np.array_equal(array, k) for k in known)


def name_role(shown: Shown) -> str | None:
    """The gradient that the name of a place says, its holder's name included."""
    steps = [str(key) for _, key in shown.where.place.steps if isinstance(key, str)]
    if shown.where.root in (LAYER, GIVEN):
        named, *holders = steps[::-1] or [""]
        holder = roles.plain(holders[0]) if holders else ""
        if roles.plain(named) in _VALUES and holders:
            named = holders[0]
        if holder in _CONTAINERS or shown.where.root == GIVEN:
            key = roles.tensor_role(named.rsplit("/", 1)[-1])
            if key is not None:
                return f"d{key}"
        if roles.plain(named) in ("grad", "gradient", "g", "diff") and holder:
            of = roles.tensor_role(holder)
            return None if of is None else f"d{of}"
        return roles.gradient_role(named)
    if isinstance(shown.name, str) and shown.name:
        words = shown.name.rsplit(".", 1)[-1]
        if words.endswith("']"):
            words = words.rsplit("['", 1)[-1].removesuffix("']")
        role = roles.gradient_role(words)
        if role is None and steps:
            # A dict that is returned may have the parameters' own names as its keys.
            key = roles.tensor_role(steps[-1])
            role = None if key not in ("W", "b", "X") else f"d{key}"
        return role
    return None
