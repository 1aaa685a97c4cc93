"""Which of the things that a backward pass showed is which gradient.

Names come first, since a wrong gradient may have any shape and any value; then shapes at sizes
that differ; then what the statement that computes it reads.
"""

from __future__ import annotations

import ast
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backproof.adapters import roles
from backproof.adapters.forwarding import numbers
from backproof.adapters.machine import (
    GIVEN,
    LAYER,
    Machine,
    Where,
    backward_root,
)
from backproof.adapters.model import Model
from backproof.adapters.observing import Observed, Shown, name_role
from backproof.adapters.source import Definition, names_in
from backproof.adapters.stepping import read_in_steps
from backproof.errors import NotInferredError


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
        self.updated = observed.updated
        self.wanted = wanted(self.model)
        self.found: dict[str, Shown] = dict(known)
        # A tuple or a dict of gradients is no gradient itself.
        self.left = [
            s for s in observed.shown if _may_be_gradient(s.value) and s not in known.values()
        ]

    def result(self) -> dict[str, Shown]:
        self._returned_over_stored()
        self._by_name()
        self._by_use()
        self._by_name_between()
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

    def _returned_over_stored(self) -> None:
        """What is returned is passed on to the layer before, whatever is stored as dX beside it."""
        gradient = f"d{self.model.data}"
        stored = [s for s in self.left if s.where.root == LAYER and name_role(s) == gradient]
        if not stored or gradient in self.found or not self.sizes.are_distinct:
            return
        shape = self.model.shape(self.model.data, self.sizes)
        for shown in self.left:
            where = shown.where
            if where.root in (LAYER, GIVEN) or len(where.place.steps) > 1:
                continue
            turned = not where.place.steps and np.shape(shown.value) == shape[::-1]
            fits = np.shape(shown.value) == shape or turned
            if fits and name_role(shown) in (None, gradient):
                self._take(gradient, shown)
                return

    # A certain name first; of two places under one name, what was returned, then what was set.
    def _by_name(self) -> None:
        certain = [(s, r) for s in self.left if (r := name_role(s)) and not roles.is_weak(r)]
        self._check_one_value_each(certain)
        for shown, role in sorted(certain, key=lambda pair: readiness(pair[0])):
            self._take(role, shown)

    def _by_use(self) -> None:
        """What another method takes off a parameter is that parameter's gradient."""
        nodes = [text.node for text in self.texts if text is not None]
        passes = tuple(node.name for node in nodes if not isinstance(node, ast.Lambda))
        for parameter in self.model.parameters:
            read = read_in_steps(self.machine, parameter, passes)
            used = [s for s in self.left if s.changed and s.where.root == LAYER]
            used = [s for s in used if s.where.place.show("self") in read]
            if len(used) == 1 and used[0].value is not None:
                self._take(f"d{parameter}", used[0])

    def _by_name_between(self) -> None:
        between = [role for role in self._open() if roles.is_weak(role)]
        for role in between:
            # dZ as a name is used for dX by those who think of the layer before.
            named = [s for s in self.left if name_role(s) == role and s.changed]
            named = [s for s in named if self._read_role(s) != f"d{self.model.data}"]
            shape = self.model.shape(role[1:], self.sizes)
            fitting = [s for s in named if np.shape(s.value) == shape]
            for shown in (fitting or named)[:1]:
                self._take(role, shown)

    def _check_one_value_each(self, certain: Sequence[tuple[Shown, str]]) -> None:
        """Refuse to choose between two values under one gradient's name.

        Raises:
            NotInferredError: both were set, and they differ.
        """
        for role in self._open():
            places = [s for s, r in certain if r == role and s.changed and s.value is not None]
            places = [s for s in places if not any(_is_inside(s, other) for other in places)]
            if role == f"d{self.model.data}":
                places = self._of_the_data(places)
            first = min(places, key=readiness, default=None)
            other = next((s for s in places if first and not _equal(s.value, first.value)), None)
            if first is not None and other is not None:
                names = _shown_as(first), _shown_as(other)
                raise NotInferredError(
                    f"{role} is shown in two places that differ: {names[0]} and {names[1]}",
                    help=f"say which: {_mapping(role, names[0])} or {_mapping(role, names[1])}",
                )

    def _of_the_data(self, places: list[Shown]) -> list[Shown]:
        """The places that may be the gradient that is passed on.

        A part of the layer, such as its activation, stores the gradient of its own input under the
        same name; what is returned goes before what is stored.
        """
        if not self.sizes.are_distinct:
            return []
        shape = self.model.shape(self.model.data, self.sizes)
        returned = [s for s in places if s.where.root not in (LAYER, GIVEN)]
        return [s for s in returned or places if np.shape(s.value) == shape]

    def _by_shape(self) -> None:
        for shown in sorted(self.left, key=readiness):
            fitting = [role for role in self._open() if self._fits(role, shown)]
            others = [role for role in self.wanted if self._fits(role, shown)]
            certain = len(others) == 1 and not roles.is_weak(fitting[0] if fitting else "dA")
            # What is stored beside the updated weights may be their old values or a velocity.
            stored = shown.where.root == LAYER and fitting[:1]
            if stored and fitting[0][1:] in self.updated:
                continue
            if shown.changed and len(fitting) == 1 and certain:
                self._take(fitting[0], shown)

    def _fits(self, role: str, shown: Shown) -> bool:
        shape = self.model.shape(role[1:], self.sizes)
        own = np.shape(shown.value)
        if len(shape) == 1:
            return bool(own) and int(np.prod(own)) == shape[0] == max(own)
        if role == "dW" and "W" in self.machine.slots and self.machine.slots["W"].is_part:
            return sorted(own) in [sorted(s) for s in _enlarged(shape)]
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
        for shown in sorted(self.left, key=readiness):
            if shown.changed and shown.value is not None:
                role = self._read_role(shown)
                # A velocity reads the data, too.
                stepped = shown.where.root == LAYER and str(role)[1:] in self.updated
                if role is not None and role in self._open() and not stepped:
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


def readiness(shown: Shown) -> tuple[int, int, int]:
    """Which of several places is taken: what is returned, what was set, what is nearest."""
    rank = 0 if shown.where.root != LAYER else 1 if shown.changed else 2
    private = shown.where.place.is_private
    return rank, int(private), len(shown.where.place.steps)


def _is_inside(shown: Shown, other: Shown) -> bool:
    """Whether a place is a part of another, as a row of a list of numbers is."""
    own, outer = shown.where.place.steps, other.where.place.steps
    same_root = shown.where.root == other.where.root
    return same_root and len(own) > len(outer) and own[: len(outer)] == outer


def _shown_as(shown: Shown) -> str:
    if shown.where.root == LAYER:
        return shown.where.place.show("self")
    return shown.name or shown.where.place.name


def _mapping(role: str, name: str) -> str:
    # A shell takes the quotes of self.grads['W'] away.
    return f"--map {shlex.quote(f'{role}={name}'.replace(chr(39), chr(34)))}"


def _equal(value: Any, other: Any) -> bool:
    """Whether two values have the same numbers, be it in a row or a vector."""
    one, two = numbers(value), numbers(other)
    if one is None or two is None or one.size != two.size:
        return False
    vectors = [a.reshape(-1) if a.size == max(a.shape, default=1) else a for a in (one, two)]
    return np.array_equal(vectors[0], vectors[1], equal_nan=True)


def _may_be_gradient(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, (bool, int, str)):
        return False
    return numbers(value) is not None


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
