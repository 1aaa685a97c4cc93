"""Finding out which of the things that a backward pass shows is which gradient.

Names come first, since a wrong gradient may have any shape and any value; then shapes at sizes
that differ; then what the statement that computes it reads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.adapters import roles
from backproof.adapters.forwarding import leaves_of, numbers, same
from backproof.adapters.machine import (
    GIVEN,
    LAYER,
    RATE,
    Halt,
    Machine,
    Where,
    backward_root,
    shaped,
)
from backproof.adapters.model import PROBES, Model, Sizes, probe_data
from backproof.adapters.numeric import Values
from backproof.adapters.places import Place, Snapshot, walk
from backproof.adapters.source import Definition, names_in
from backproof.errors import UsageError
from backproof.spec.derive import with_upstream
from backproof.spec.errors import near

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
            shown.append(Shown(leaf.where, name, _kept(leaf.value)))
    for place, value in walk(roots[GIVEN]):
        shown.append(Shown(Where(GIVEN, place), place.name, _kept(value)))
    if layer is not None and before is not None:
        changed = {place for place, _ in before.changed(layer)}
        for place, value in walk(layer):
            shown.append(Shown(Where(LAYER, place), place.name, _kept(value), place in changed))
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
        if array is not None and before.ndim == array.ndim:
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
    if any(shown.where == Where(LAYER, slot.place) for slot in machine.slots.values()):
        return True
    if shown.where.root != LAYER:
        return False
    role = name_role(shown)
    if role is not None and not roles.is_weak(role):
        # A bias's gradient that is the upstream one lacks its sum, but is what it is called.
        return False
    array = numbers(shown.value)
    if array is None:
        return shown.value is not None
    known = [upstream, *(data[name] for name in machine.model.spec.program.inputs)]
    return any(array.shape == k.shape and np.array_equal(array, k) for k in known)


# ---------------------------------------------------------------- which is which


def wanted(model: Model) -> tuple[str, ...]:
    """The gradients that a layer may show: those of its inputs, and of what lies between."""
    program = model.spec.program
    between = [t for t in program.defined if t not in program.outputs]
    return tuple(f"d{t}" for t in (*between, *model.parameters, model.data))


def assign(
    machine: Machine,
    observed: Observed,
    texts: Sequence[Definition | None],
    known: Mapping[str, Shown],
) -> dict[str, Shown]:
    """The gradients among what was shown, by name in the spec; some are known beforehand."""
    return _Assignment(machine, observed, texts, known).result()


class _Assignment:
    def __init__(
        self,
        machine: Machine,
        observed: Observed,
        texts: Sequence[Definition | None],
        known: Mapping[str, Shown],
    ) -> None:
        self.model = machine.model
        self.machine = machine
        self.texts = texts
        self.sizes = observed.sizes
        self.wanted = wanted(self.model)
        self.found: dict[str, Shown] = dict(known)
        # A tuple or a dict of gradients is no gradient itself.
        self.left = [
            s for s in observed.shown if _may_be_gradient(s.value) and s not in known.values()
        ]

    def result(self) -> dict[str, Shown]:
        self._by_name()
        self._by_shape()
        self._by_reading()
        self._the_only_one()
        self._apart()
        return {name: self.found[name] for name in self.wanted if name in self.found}

    def _take(self, role: str, shown: Shown) -> None:
        if role in self.wanted and role not in self.found:
            self.found[role] = shown
            self.left.remove(shown)

    def _open(self) -> list[str]:
        return [role for role in self.wanted if role not in self.found]

    # A certain name first; of two places under one name, what was returned, then what was set.
    def _by_name(self) -> None:
        certain = [(s, r) for s in self.left if (r := name_role(s)) and not roles.is_weak(r)]
        for shown, role in sorted(certain, key=lambda pair: _readiness(pair[0])):
            self._take(role, shown)
        between = [role for role in self._open() if roles.is_weak(role)]
        for role in between:
            # dZ as a name is used for dX by those who think of the layer before.
            named = [s for s in self.left if name_role(s) == role and s.changed]
            named = [s for s in named if self._read_role(s) != f"d{self.model.data}"]
            shape = self.model.shape(role[1:], self.sizes)
            fitting = [s for s in named if np.shape(s.value) == shape]
            for shown in (fitting or named)[:1]:
                self._take(role, shown)

    def _by_shape(self) -> None:
        for shown in sorted(self.left, key=_readiness):
            fitting = [role for role in self._open() if self._fits(role, shown)]
            others = [role for role in self.wanted if self._fits(role, shown)]
            certain = len(others) == 1 and not roles.is_weak(fitting[0] if fitting else "dA")
            if shown.changed and len(fitting) == 1 and certain:
                self._take(fitting[0], shown)

    def _fits(self, role: str, shown: Shown) -> bool:
        shape = self.model.shape(role[1:], self.sizes)
        own = np.shape(shown.value)
        if len(shape) == 1:
            return own != () and int(np.prod(own)) == shape[0] == max(own)
        if role == "dW" and "W" in self.machine.slots and self.machine.slots["W"].is_part:
            return own != shape and sorted(own) in [sorted(s) for s in _enlarged(shape)]
        turned = role[1:] in self.model.parameters and own == shape[::-1]
        return own == shape or turned

    def _apart(self) -> None:
        """Where the bias is a part of the weights, its gradient is the same part of theirs."""
        whole = self.found.get("dW")
        slots = self.machine.slots
        if whole is None or "b" not in slots or not slots["W"].is_part or "db" in self.found:
            return
        for name in ("W", "b"):
            key = slots[name].place.steps[-1][1]
            try:
                value = None if whole.value is None else np.asarray(whole.value)[key]
            except IndexError:
                return
            where = Where(whole.where.root, whole.where.place.item(key))
            self.found[f"d{name}"] = Shown(where, whole.name, value, whole.changed)

    def _by_reading(self) -> None:
        """What reads the weights is dX, what reads the data dW."""
        for shown in sorted(self.left, key=_readiness):
            if shown.changed and shown.value is not None:
                role = self._read_role(shown)
                if role is not None and role in self._open():
                    self._take(role, shown)

    def _read_role(self, shown: Shown) -> str | None:
        value = statement_of(shown, self.texts)
        if value is None:
            return None
        words = {word for name in names_in(value) for word in (name, name.removeprefix("self."))}
        weights, data = self._names("W"), self._names(self.model.data)
        reads = {roles.tensor_role(word) for word in words}
        if words & weights or (not weights and "W" in reads):
            return f"d{self.model.data}"
        if words & data or "X" in reads:
            return "dW"
        return None

    def _names(self, tensor: str) -> set[str]:
        slot = self.machine.slots.get(tensor)
        if slot is not None:
            return {slot.place.show("self"), slot.place.name}
        parameter = self.machine.forward.parameter_of(tensor)
        return {parameter} if parameter else set()

    def _the_only_one(self) -> None:
        """One value that is returned and is nothing else is dX; one of three left is the third."""
        returned = [s for s in self.left if s.where.root not in (LAYER, GIVEN)]
        gradient = f"d{self.model.data}"
        open_ = [role for role in self._open() if not roles.is_weak(role)]
        if len(returned) == 1 and gradient in open_ and returned[0].value is not None:
            self._take(gradient, returned[0])
        elif len(returned) == 1 and len(open_) == 1:
            self._take(open_[0], returned[0])


def _enlarged(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shapes with one more along one axis."""
    return [(*shape[:k], size + 1, *shape[k + 1 :]) for k, size in enumerate(shape)]


def _readiness(shown: Shown) -> tuple[int, int, int]:
    """Which of several places is taken: what is returned, what was set, what is nearest."""
    rank = 0 if shown.where.root != LAYER else 1 if shown.changed else 2
    private = shown.where.place.is_private
    return rank, int(private), len(shown.where.place.steps)


def _may_be_gradient(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, (bool, int, str)):
        return False
    return numbers(value) is not None


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


def statement_of(shown: Shown, texts: Sequence[Definition | None]) -> Any:
    """The right side of the statement that computes something, as a tree; None if unknown."""
    for part, text in enumerate(texts):
        if text is None:
            continue
        if shown.where.root == LAYER:
            found = text.of_target(shown.where.place.show("self"))
            if found is not None:
                return found.value
        elif shown.where.root == backward_root(part):
            try:
                return text.place_of_return(tuple(k for _, k in shown.where.place.steps))[1]
            except LookupError:
                return None
    return None


# ---------------------------------------------------------------- the search


@dataclass(frozen=True, slots=True)
class Backward:
    """What was found out about a backward pass.

    Attributes:
        machine: with the gradients' places.
        shown: the gradients as they were observed.
        observed: the pass that was looked at; None if it raised at all sizes.
        halt: what it raised at sizes that differ; None if it did not.
        names: the author's name of each gradient.
    """

    machine: Machine
    shown: Mapping[str, Shown]
    observed: Observed | None
    halt: Halt | None


def find_gradients(
    machine: Machine, texts: Sequence[Definition | None], mapping: Mapping[str, str]
) -> Backward:
    """Run the backward pass, at equal sizes if it must be, and say which gradient is where.

    Args:
        machine: with the calls of the backward pass.
        texts: the source of each part of the backward pass.
        mapping: what the user said gradients are called.

    Raises:
        UsageError: nothing of that name is shown.
    """
    first: Halt | None = None
    for sizes in PROBES:
        try:
            observed = observe(machine, sizes, texts)
        except Halt as halt:
            first = first or halt
            continue
        shown = assign(machine, observed, texts, mapped(machine, observed, mapping))
        places = {name: s.where for name, s in shown.items()}
        return Backward(replace(machine, gradients=places), shown, observed, first)
    return Backward(machine, {}, None, first)


def mapped(machine: Machine, observed: Observed, mapping: Mapping[str, str]) -> dict[str, Shown]:
    """What the user said certain gradients are called.

    Raises:
        UsageError: nothing of that name is shown.
    """
    found = {}
    called: dict[str, Shown] = {}
    for shown in sorted(observed.shown, key=_readiness, reverse=True):
        if shown.where.root == LAYER:
            called[shown.where.place.show("self")] = shown
            called[shown.where.place.show("")] = shown
        elif shown.name:
            called[shown.name] = shown
    for name in wanted(machine.model):
        if name in mapping:
            said = mapping[name]
            if said not in called:
                names = near(said, called) or sorted(called)
                raise UsageError(
                    f"'{name}={said}' maps {name} to something that the layer does not show",
                    f"known are {', '.join(names)}",
                )
            found[name] = called[said]
    return found


def reference(backward: Backward, upstream: str) -> Values:
    """The right values of what was observed, if the pass is given the gradient of one tensor."""
    observed, model = backward.observed, backward.machine.model
    assert observed is not None
    derivation = model.spec.derivation
    if upstream != model.output:
        derivation = with_upstream(derivation, upstream)
    given = {name: observed.data[name] for name in model.spec.program.inputs}
    given[f"d{upstream}"] = observed.data[f"d{model.output}"]
    return Values(derivation, model.sizes(observed.sizes), given)


def rightness(backward: Backward, upstream: str) -> int:
    """How many of the gradients are right if the pass is given the gradient of one tensor."""
    assert backward.observed is not None
    values = reference(backward, upstream)
    count = 0
    for name, shown in backward.shown.items():
        if name == f"d{upstream}":
            continue
        expected = values[name]
        array = numbers(shown.value)
        if array is not None and expected.ndim == 1 and array.size == expected.size:
            array = array.reshape(expected.shape)
        # A layer may divide by the number of samples; that is asked elsewhere.
        mean = expected / backward.observed.sizes.n
        count += same(array, expected) or same(array, mean)
    return count
