"""Watching a layer inside of a running training loop, at the numbers that it meets there.

Every so many batches the layer's own inputs, parameters and results are copied and judged by
their derived bounds, as ``verify`` judges generated cases. Between them a call costs one more
call of a function.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.adapters import roles
from backproof.adapters.arguments import DATA, Call
from backproof.adapters.machine import FORWARD, LAYER, Machine, backward_root, look
from backproof.adapters.registry import adapt
from backproof.adapters.session import MachineSession
from backproof.cases import Case
from backproof.checking import BAD, Checker, Judgement
from backproof.errors import UsageError
from backproof.oracles.formats import FORMATS
from backproof.preparing import loaded
from backproof.running import Run
from backproof.spec.layer import Spec
from backproof.stating import state
from backproof.surroundings import kept_surroundings
from backproof.testing import said

Array = NDArray[Any]
_WATCHED = "__backproof_watched__"


class WrongLayerWarning(UserWarning):
    """A monitored layer gave a result that is outside of its derived bound."""


class Monitor:
    """A watch on one layer.

    Attributes:
        batches: how many forward passes were seen.
        checked: how many of them were judged.
        wrong: what was outside of its bound, the first of each quantity.
    """

    def __init__(
        self,
        layer: Any,
        checker: Checker,
        machine: Machine,
        every: int,
        on_wrong: Callable[[Judgement], None],
    ) -> None:
        self.batches = 0
        self.checked = 0
        self.wrong: dict[str, Judgement] = {}
        self._layer = layer
        self._checker = checker
        self._machine = machine
        self._every = every
        self._on_wrong = on_wrong
        self._inputs: dict[str, Array] | None = None
        self._roots: dict[str, Any] = {}
        self._results: dict[str, Array] = {}
        self._replaced: dict[str, Any] = {}
        self._replace(machine.forward, self._forward)
        for part, call in enumerate(machine.backward):
            self._replace(call, self._backward, part)

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Leave the layer as it was."""
        while self._replaced:
            name, own = self._replaced.popitem()
            if own is None:
                delattr(self._layer, name)
            else:
                setattr(self._layer, name, own)

    def _replace(self, call: Call, watch: Callable[..., Any], *more: Any) -> None:
        assert isinstance(call.function, str)
        original = getattr(self._layer, call.function)

        @functools.wraps(original)
        def watched(*arguments: Any, **named: Any) -> Any:
            return watch(original, call, arguments, named, *more)

        setattr(watched, _WATCHED, True)
        self._replaced[call.function] = vars(self._layer).get(call.function)
        setattr(self._layer, call.function, watched)

    def _forward(self, original: Any, call: Call, arguments: Any, named: Any) -> Any:
        self._inputs = None
        if self.batches % self._every == 0:
            self._inputs = self._before(_given(original, call, arguments, named))
        self.batches += 1
        returned = original(*arguments, **named)
        if self._inputs is not None:
            self._roots = {LAYER: self._layer, FORWARD: returned}
            self._results = self._shown(self._machine.outputs, self._inputs)
        return returned

    def _before(self, given: Mapping[str, Any]) -> dict[str, Array]:
        """Copies of the data and the parameters, before the layer can change them."""
        machine = self._machine
        data = given.get(DATA)
        if data is None and machine.data_place is not None:
            data = machine.data_place.get(self._layer)
        found = {machine.model.data: np.array(machine.as_stated(np.asarray(data)), copy=True)}
        for name, slot in machine.slots.items():
            value = np.array(slot.place.get(self._layer), copy=True)
            found[name] = value.reshape(-1) if slot.shape else value
        return found

    def _backward(self, original: Any, call: Call, arguments: Any, named: Any, part: int) -> Any:
        inputs = self._inputs
        if inputs is not None and part == 0:
            upstream = _given(original, call, arguments, named).get(roles.UPSTREAM)
            if upstream is None and self._machine.upstream_place is not None:
                upstream = self._machine.upstream_place.get(self._layer)
            stated = self._machine.as_stated(np.asarray(upstream))
            inputs[self._checker.given] = np.array(stated, copy=True)
        returned = original(*arguments, **named)
        if inputs is not None:
            self._roots[backward_root(part)] = returned
            if part + 1 == len(self._machine.backward):
                self._judge(inputs)
        return returned

    def _judge(self, inputs: Mapping[str, Array]) -> None:
        self._inputs = None
        results = self._results | self._shown(self._machine.gradients, inputs)
        program = self._checker.derivation.program
        sizes = {
            axis: size
            for name, array in inputs.items()
            if name in program.tensors
            for axis, size in zip(program.tensors[name].axes, array.shape, strict=True)
        }
        formats = {array.dtype.name for array in inputs.values()} & FORMATS.keys()
        if not formats:
            return
        format = max(formats, key=lambda name: FORMATS[name].u)
        case = Case(sizes, format, {n: a.astype(np.float64) for n, a in inputs.items()}, "seen")
        with np.errstate(all="ignore"):
            right = self._checker.reference(case)
            judged = self._checker.judge(case, Run(results), right)
        self.checked += 1
        for judgement in judged:
            if judgement.state in BAD and judgement.quantity not in self.wrong:
                self.wrong[judgement.quantity] = judgement
                self._on_wrong(judgement)

    def _shown(self, places: Mapping[str, Any], inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Copies of what the layer shows, in the shapes of the spec."""
        raw = {n: look(w, self._roots) for n, w in places.items() if n in self._checker.wanted}
        stated = self._machine.in_shape(raw, self._machine.model.sizes_of(inputs))
        return {n: v.copy() for n, v in stated.items() if isinstance(v, np.ndarray)}


def _given(original: Any, call: Call, arguments: Any, named: Any) -> dict[str, Any]:
    """What a call of the user's passes, by role."""
    bound = inspect.signature(original).bind(*arguments, **named)
    bound.apply_defaults()
    return {
        a.role: bound.arguments[a.parameter]
        for a in call.arguments
        if a.parameter in bound.arguments
    }


def _warn(judgement: Judgement) -> None:
    warnings.warn(f"backproof: {said(judgement)}", WrongLayerWarning, stacklevel=5)


def monitor(
    layer: Any,
    every: int = 100,
    *,
    spec: Spec | str | None = None,
    layout: str | None = None,
    activation: str | None = None,
    scale: str = "sum",
    mapping: Mapping[str, str] | None = None,
    on_wrong: Callable[[Judgement], None] = _warn,
) -> Monitor:
    """Watch a layer inside of a running training loop.

    Args:
        layer: an instance of a class with forward and backward methods, which are replaced on this
            instance until ``stop`` is called, or the ``with`` block of the result ends.
        every: how many batches lie between two that are judged; the first is.
        spec: what it should compute; like the next ones, found out where it is not given.
        layout: the einsum of its forward product.
        activation: the name of its activation.
        scale: "mean" where gradients of parameters are divided by the number of samples.
        mapping: how the layer calls a tensor, such as ``{"W": "weights"}``.
        on_wrong: called with the first wrong result of each quantity; warns unless given.

    Raises:
        UsageError: it is no such layer, is not understood, or does not show all its gradients (as
            one that only updates its parameters with them).
        SpecError: the spec is wrong.
    """
    if every < 1:
        raise ValueError(f"every is at least 1, found {every}")
    stated = state(spec, layout=layout, activation=activation) if isinstance(spec, str) else spec
    with kept_surroundings():
        subject = adapt(
            loaded(type(layer)),
            spec=stated,
            layout=layout,
            activation=activation,
            scale=scale,
            mapping=mapping,
        )
        session = subject.open()
    if not isinstance(session, MachineSession):
        raise UsageError(
            f"{subject.label} cannot be monitored", "give an instance with forward and backward"
        )
    passes = [call.function for call in (session.machine.forward, *session.machine.backward)]
    if "__call__" in passes or not hasattr(layer, "__dict__"):
        raise UsageError(
            f"{subject.label} cannot be monitored: its methods cannot be replaced on one instance",
            "give it forward and backward methods, and no __slots__; or check it with bp.verify",
        )
    if any(hasattr(vars(layer).get(str(name)), _WATCHED) for name in passes):
        raise UsageError(f"{subject.label} is monitored already", "stop the other monitor first")
    hidden = [*subject.missing, *(f"d{name}" for name in session.machine.updates)]
    if hidden:
        raise UsageError(
            f"{subject.label} does not show {', '.join(hidden)} during training",
            "store them, name them with mapping=..., or check the layer with bp.verify",
        )
    return Monitor(layer, Checker(subject), session.machine, every, on_wrong)
