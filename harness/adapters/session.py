"""A session: one layer, run as often as wanted."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

import numpy as np

from backproof.adapters.machine import LAYER, Halt, Machine, look, shaped
from backproof.adapters.model import Sizes
from backproof.adapters.places import Place
from backproof.adapters.refusals import innermost
from backproof.adapters.stepping import Recording
from backproof.subjects import Arrays, SubjectError


class MachineSession:
    """Runs one instance of a layer by a machine.

    The instance is made at the first run, and again only where a size changes that it is made
    for; its parameters are set before every run.

    Args:
        machine: how the layer is called.
        upstream: the name of the upstream gradient among the inputs, such as ``dA``.
    """

    def __init__(self, machine: Machine, upstream: str) -> None:
        self._machine = machine
        self._upstream = upstream
        self._layer: Any = None
        self._made_for: tuple[int, ...] | None = None

    @property
    def machine(self) -> Machine:
        """How the layer is called."""
        return self._machine

    def run(self, inputs: Arrays) -> dict[str, Any]:
        """Compute everything the layer shows; see ``backproof.subjects.Session``."""
        machine = self._machine
        sizes = machine.model.sizes_of(inputs)
        results: dict[str, Any] = {}
        changed: dict[str, Any] = {}
        try:
            layer = self._instance(sizes, inputs)
            machine.put(layer, inputs)
            roots = machine.run_forward(layer, sizes, inputs)
            results |= {name: look(where, roots) for name, where in machine.outputs.items()}
            kept = {name: _copied(value) for name, value in results.items()}
            _clear(layer, machine.sums)
            before = {name: _copied(look(w, roots)) for name, w in machine.gradients.items()}
            try:
                machine.run_backward(roots, sizes, inputs, inputs[self._upstream])
            except Halt:
                # What was stored before the line that raised is a result, too.
                found = {name: look(w, roots) for name, w in machine.gradients.items()}
                changed = {k: v for k, v in found.items() if not _same(v, before[k])}
                raise
        except Halt as halt:
            whole = {k: v for k, v in changed.items() if self._is_whole(k, halt)}
            if halt.stage == "backward" and machine.updates:
                whole |= self._steps_before(sizes, inputs)
            partial = machine.in_shape(results | whole, sizes)
            raise self._error(halt, partial) from halt.error
        for name, value in results.items():
            # A layer may reuse its buffers in the backward pass; the output is what it was then.
            results[name] = value if _same(value, kept[name]) else kept[name]
        results |= {name: look(where, roots) for name, where in machine.gradients.items()}
        if machine.updates:
            results |= self._steps(sizes, inputs)
        return machine.in_shape(results, sizes)

    def _instance(self, sizes: Sizes, inputs: Arrays) -> Any:
        made_for = (sizes.i, sizes.o, *([sizes.n] if self._machine.takes_samples else []))
        if self._made_for != made_for:
            self._layer = self._machine.start(sizes, inputs)
            self._made_for = made_for
        return self._layer

    def _steps(self, sizes: Sizes, inputs: Arrays) -> dict[str, Any]:
        """The gradients that show only in the step taken with them.

        The parameters are zero when the step is taken with rate 1, so that what they are after it
        is the gradient, negated, to the last bit.
        """
        machine = self._machine
        if machine.steps_afresh:
            self._layer = machine.start(sizes, inputs)
        machine.put(self._layer, inputs)
        roots = machine.run_forward(self._layer, sizes, inputs)
        machine.put(self._layer, {name: np.zeros_like(inputs[name]) for name in machine.slots})
        machine.run_backward(roots, sizes, inputs, inputs[self._upstream], rate=1.0)
        found: dict[str, Any] = {}
        for name in machine.updates:
            try:
                found[f"d{name}"] = -np.asarray(machine.slots[name].place.get(roots[LAYER]))
            except LookupError:
                found[f"d{name}"] = None
        return found

    def _is_whole(self, name: str, halt: Halt) -> bool:
        """Whether a stored gradient was finished before a pass raised."""
        if name not in self._machine.finished:
            return False
        file, function, last = self._machine.finished[name]
        frames = traceback.extract_tb(halt.error.__traceback__)
        reached = [f.lineno or 0 for f in frames if f.filename == file and f.name == function]
        return bool(reached) and reached[0] > last

    def _steps_before(self, sizes: Sizes, inputs: Arrays) -> dict[str, Any]:
        """The gradients that show only in a step, of those taken before the pass raised, and in it.

        What a step takes off a parameter in place is known even where it does not fit.
        """
        machine = self._machine
        slots = {n: s for n, s in machine.slots.items() if n in machine.updates and not s.is_part}
        recorded: dict[str, Recording] = {}
        try:
            layer = machine.start(sizes, inputs)
            machine.put(layer, inputs)
            roots = machine.run_forward(layer, sizes, inputs)
            for name, slot in slots.items():
                recorded[name] = Recording.of(shaped(np.zeros_like(inputs[name]), slot.shape))
                slot.place.set(layer, recorded[name])
            machine.run_backward(roots, sizes, inputs, inputs[self._upstream], rate=1.0)
        except (Halt, LookupError):
            pass
        return {
            f"d{name}": np.asarray(parameter.taken[0])
            for name, parameter in recorded.items()
            if len(parameter.taken) == 1
        }

    def _error(self, halt: Halt, partial: Mapping[str, Any]) -> SubjectError:
        for file in self._machine.files:
            place = innermost(halt.error, file)
            if place[1] is not None:
                return SubjectError(halt.error, halt.stage, *place, partial=partial)
        return SubjectError(halt.error, halt.stage, partial=partial)


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(value: Any, before: Any) -> bool:
    if isinstance(value, np.ndarray) and isinstance(before, np.ndarray):
        return value.shape == before.shape and value.tobytes() == before.tobytes()
    return type(value) is type(before) and value is before


def _clear(layer: Any, places: tuple[Place, ...]) -> None:
    """Set sums to zero, as a training loop does between its steps."""
    for place in places:
        try:
            value = place.get(layer)
        except LookupError:
            # A sum that is made at the first pass, of which there was none yet.
            continue
        if isinstance(value, np.ndarray) and value.flags.writeable:
            value[...] = 0
