"""Running a layer step by step: construct, set its parameters, forward, backward, collect.

A machine knows how a layer is called, and where it shows what; classes and pairs of functions
are both run by one.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.adapters import roles
from backproof.adapters.arguments import SIZES, SIZES_REVERSED, Call
from backproof.adapters.model import Model, Sizes
from backproof.adapters.places import Place, Snapshot
from backproof.subjects import Arrays, SubjectError

Array = NDArray[Any]

LAYER, FORWARD, BACKWARD, GIVEN = "layer", "forward", "backward", "given"

# A power of two, so that the step itself is exact.
RATE = 0.5


@dataclass(frozen=True, slots=True)
class Where:
    """Where a layer shows something: in itself, in what a pass returned, in what it was given."""

    root: str
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a parameter is kept, and the shape that it has there.

    Attributes:
        place: in the layer.
        shape: ``vector``, ``row`` or ``column`` for a bias; empty for the spec's own shape.
    """

    place: Place
    shape: str = ""


def shaped(array: Array, shape: str) -> Array:
    """A vector as a vector, a row or a column."""
    if shape == "row":
        return array.reshape(1, -1)
    if shape == "column":
        return array.reshape(-1, 1)
    return array


class Halt(Exception):  # noqa: N818 - it stops a run and is turned into what the caller needs
    """The layer's own code raised.

    Attributes:
        stage: ``construct``, ``forward`` or ``backward``.
        error: what it raised.
    """

    def __init__(self, stage: str, error: BaseException) -> None:
        super().__init__(f"{type(error).__name__} in {stage}: {error}")
        self.stage = stage
        self.error = error


@dataclass(frozen=True, kw_only=True)
class Machine:
    """How a layer is called.

    Attributes:
        model: the spec that names the tensors.
        construct: how an instance is made; None for functions.
        prepare: methods that are called once after that.
        slots: where the parameters are kept; empty for functions.
        bias_shape: of a bias that is passed as an argument.
        forward: the forward pass.
        backward: the backward pass; more than one method where it comes in parts.
        outputs: where Z and A are shown.
        gradients: where dZ, dW, db and dX are shown.
        updates: the parameters whose gradient is visible only as the step taken with it.
        sums: places where gradients add up from call to call, set to zero before each.
        files: the source files that count as the subject's own.
    """

    model: Model
    construct: Call | None = None
    prepare: tuple[Call, ...] = ()
    slots: Mapping[str, Slot] = field(default_factory=dict)
    bias_shape: str = ""
    forward: Call
    backward: tuple[Call, ...] = ()
    outputs: Mapping[str, Where] = field(default_factory=dict)
    gradients: Mapping[str, Where] = field(default_factory=dict)
    updates: tuple[str, ...] = ()
    sums: tuple[Place, ...] = ()
    files: tuple[str, ...] = ()

    def context(self, sizes: Sizes, arrays: Mapping[str, Array]) -> dict[str, Any]:
        """What the arguments of the constructor and the forward pass may be."""
        found: dict[str, Any] = {
            roles.INPUTS: sizes.i,
            roles.OUTPUTS: sizes.o,
            roles.SAMPLES: sizes.n,
            SIZES: (sizes.i, sizes.o),
            SIZES_REVERSED: (sizes.o, sizes.i),
            roles.RATE: RATE,
        }
        for name in self.model.spec.program.inputs:
            if name in arrays:
                vector = np.ndim(arrays[name]) == 1
                found[name] = shaped(arrays[name], self.bias_shape) if vector else arrays[name]
        return found

    def start(self, sizes: Sizes, arrays: Mapping[str, Array]) -> Any:
        """A fresh instance; None for functions.

        Raises:
            Halt: the constructor raised.
        """
        if self.construct is None:
            return None
        context = self.context(sizes, arrays)
        # What a constructor is given becomes the layer's own, to update in place.
        for name in self.model.parameters:
            if name in context:
                context[name] = np.array(context[name], copy=True)
        layer = _attempt("construct", lambda: _constructed(self, context))
        for call in self.prepare:
            _attempt("construct", lambda call=call: call.run(context, layer))  # type: ignore[misc]
        return layer

    def put(self, layer: Any, arrays: Mapping[str, Array]) -> None:
        """Set the parameters to copies of the given arrays, which the layer may then update.

        Raises:
            Halt: a parameter cannot be set.
        """
        for name, slot in self.slots.items():
            value = np.array(shaped(arrays[name], slot.shape), copy=True, order="K")
            _attempt("forward", lambda slot=slot, value=value: slot.place.set(layer, value))  # type: ignore[misc]

    def run_forward(self, layer: Any, sizes: Sizes, arrays: Mapping[str, Array]) -> dict[str, Any]:
        """Run the forward pass; what can be looked into afterwards, by root.

        Raises:
            Halt: it raised.
        """
        context = self.context(sizes, arrays)
        returned = _attempt("forward", lambda: self.forward.run(context, layer))
        return {LAYER: layer, FORWARD: returned}

    def run_backward(
        self,
        roots: dict[str, Any],
        sizes: Sizes,
        arrays: Mapping[str, Array],
        upstream: Array,
        rate: float = RATE,
    ) -> None:
        """Run the backward pass and add what it gave to the roots.

        Raises:
            Halt: it raised.
        """
        context = self.context(sizes, arrays)
        context |= {
            roles.UPSTREAM: upstream,
            roles.CACHE: self.cache(roots),
            roles.RATE: rate,
            roles.GRADIENTS: roots.setdefault(GIVEN, {}),
        }
        for name, where in self.outputs.items():
            context[name] = look(where, roots)
        for k, call in enumerate(self.backward):
            roots[backward_root(k)] = _attempt(
                "backward", lambda call=call: call.run(context, roots[LAYER])
            )  # type: ignore[misc]

    def cache(self, roots: Mapping[str, Any]) -> Any:
        """What the forward pass returned beside its output."""
        returned = roots[FORWARD]
        if not isinstance(returned, tuple):
            return None
        shown = [w for w in self.outputs.values() if w.root == FORWARD and w.place.steps]
        output = shown[0].place.steps[0][1] if shown else 0
        rest = tuple(part for k, part in enumerate(returned) if k != output)
        return rest[0] if len(rest) == 1 else rest


def backward_root(part: int) -> str:
    """The root of what a part of the backward pass returned."""
    return BACKWARD if part == 0 else f"{BACKWARD} {part + 1}"


def _constructed(machine: Machine, context: Mapping[str, Any]) -> Any:
    assert machine.construct is not None
    return machine.construct.run(context)


def _attempt(stage: str, action: Callable[[], Any]) -> Any:
    try:
        return action()
    except (Exception, SystemExit) as error:
        raise Halt(stage, error) from error


def look(where: Where, roots: Mapping[str, Any]) -> Any:
    """What is at a place; None where there is nothing."""
    try:
        return where.place.get(roots.get(where.root))
    except LookupError:
        return None
