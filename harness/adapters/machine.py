"""Running a layer step by step: construct, set its parameters, forward, backward, collect.

A machine knows how a layer is called, and where it shows what; classes and pairs of functions
are both run by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.adapters import roles
from backproof.adapters.arguments import (
    DATA,
    PREDECESSOR,
    SHAPE,
    SIZES,
    SIZES_REVERSED,
    Call,
)
from backproof.adapters.model import Model, Sizes
from backproof.adapters.places import Place
from backproof.adapters.standing_in import Predecessor
from backproof.arrays import plain
from backproof.guarding import entering, is_interrupt, restore_numpy
from backproof.subjects import readable

Array = NDArray[Any]

LAYER, FORWARD, BACKWARD, GIVEN = "layer", "forward", "backward", "given"

# Data in which each sample is a column of its own: (samples, inputs, 1).
COLUMNS = "a column for each sample"

# A power of two, so that the step itself is exact.
RATE = 0.5


@dataclass(frozen=True, slots=True)
class Where:
    """Where a layer shows something: in itself, in what a pass returned, in what it was given."""

    root: str
    place: Place


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a parameter is kept, and the shape that it has there.

    Attributes:
        place: in the layer.
        shape: ``vector``, ``row`` or ``column`` for a bias; empty for the spec's own shape.
    """

    place: Place
    shape: str = ""

    def put(self, layer: Any, array: Array) -> None:
        """Put a copy of an array there, which the layer may then update.

        Raises:
            LookupError: it cannot be put there.
        """
        value = np.array(shaped(array, self.shape), copy=True, order="K")
        holder = Place(self.place.steps[:-1])
        whole = holder.get(layer)
        if isinstance(whole, np.ndarray) and whole.dtype != value.dtype:
            # A part has the format of the whole, of which every other part is set as well.
            holder.set(layer, np.zeros(whole.shape, value.dtype))
        self.place.set(layer, value)

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a larger array."""
        key = self.place.steps[-1][1]
        return isinstance(key, (tuple, slice))


def shaped(array: Array, shape: str) -> Array:
    """A vector as a vector, a row or a column."""
    if shape == "row":
        return array.reshape(1, -1)
    if shape == "column":
        return array.reshape(-1, 1)
    return array


class Halt(Exception):
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
        data_shape: of the data, the output and their gradients: the spec's own, or ``COLUMNS``.
        data_place: where the data are put before a forward pass that does not take them.
        upstream_place: where the upstream gradient is put for a backward pass that takes none.
        settings: values of arguments such as ``activation``, by role.
        forward: the forward pass.
        backward: the backward pass; more than one method where it comes in parts.
        outputs: where Z and A are shown.
        gradients: where dZ, dW, db and dX are shown.
        updates: the parameters whose gradient is visible only as the step taken with it.
        finished: for a stored gradient, the file and the function that set it, and the line after
            which it is whole.
        rate_place: where the layer keeps its learning rate, if it is not passed one.
        steps_afresh: the steps are read from a fresh instance each time, since an optimizer
            remembers earlier ones.
        sums: places where gradients add up from call to call, set to zero before each.
        files: the source files that count as the subject's own.
    """

    model: Model
    construct: Call | None = None
    prepare: tuple[Call, ...] = ()
    slots: Mapping[str, Slot] = field(default_factory=dict)
    bias_shape: str = ""
    data_shape: str = ""
    data_place: Place | None = None
    upstream_place: Place | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    forward: Call
    backward: tuple[Call, ...] = ()
    outputs: Mapping[str, Where] = field(default_factory=dict)
    gradients: Mapping[str, Where] = field(default_factory=dict)
    updates: tuple[str, ...] = ()
    finished: Mapping[str, tuple[str, str, int]] = field(default_factory=dict)
    rate_place: Place | None = None
    steps_afresh: bool = False
    sums: tuple[Place, ...] = ()
    files: tuple[str, ...] = ()

    def context(self, sizes: Sizes, arrays: Mapping[str, Array]) -> dict[str, Any]:
        """What the arguments of the constructor and the forward pass may be."""
        found: dict[str, Any] = {
            **self.settings,
            roles.TRAINING: True,
            roles.INPUTS: sizes.i,
            roles.OUTPUTS: sizes.o,
            roles.SAMPLES: sizes.n if self.model.has_samples else 1,
            SIZES: (sizes.i, sizes.o),
            SIZES_REVERSED: (sizes.o, sizes.i),
            SHAPE: (sizes.n, sizes.i),
            PREDECESSOR: Predecessor(sizes.n, sizes.i),
            roles.RATE: RATE,
        }
        for name in self.model.spec.program.inputs:
            if name in arrays:
                vector = np.ndim(arrays[name]) == 1
                found[name] = shaped(arrays[name], self.bias_shape) if vector else arrays[name]
        if self.model.data in arrays:
            found[self.model.data] = self.as_given(arrays[self.model.data])
        found[DATA] = found.get(self.model.data)
        return found

    def as_given(self, array: Array) -> Array:
        """Data, or the gradient of the output, in the shape that the layer takes."""
        return array[..., np.newaxis] if self.data_shape == COLUMNS else array

    def as_stated(self, value: Any) -> Any:
        """What the layer shows, in the shape that the spec states."""
        if self.data_shape != COLUMNS or not isinstance(value, np.ndarray):
            return value
        return value[..., 0] if value.ndim == 3 and value.shape[-1] == 1 else value

    def in_shape(self, results: Mapping[str, Any], sizes: Sizes) -> dict[str, Any]:
        """Results in the spec's shapes: a bias's gradient as a vector, be it a row or a column."""
        found = {}
        for name, raw in results.items():
            value = self.as_stated(raw)
            tensor = name[1:] if name[1:] in self.model.parameters else name
            found[name] = value
            if tensor in self.model.parameters and isinstance(value, np.ndarray):
                shape = self.model.shape(tensor, sizes)
                flat = value.ndim == 2 and value.size == max(value.shape)
                if len(shape) == 1 and flat and value.size == shape[0]:
                    found[name] = value.reshape(-1)
        return found

    @property
    def takes_samples(self) -> bool:
        """Whether an instance is made for one number of samples."""
        calls = (self.construct, *self.prepare)
        fixed = (roles.SAMPLES, SHAPE, PREDECESSOR)
        return any(call is not None and call.depends_on(*fixed) for call in calls)

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
        layer = _attempt("construct", self.construct.run, context)
        for call in self.prepare:
            _attempt("construct", _prepared, call, context, layer)
        return layer

    def put(self, layer: Any, arrays: Mapping[str, Array]) -> None:
        """Set the parameters to copies of the given arrays, which the layer may then update.

        Raises:
            Halt: a parameter cannot be set.
        """
        for name, slot in self.slots.items():
            _attempt("forward", slot.put, layer, arrays[name])

    def run_forward(self, layer: Any, sizes: Sizes, arrays: Mapping[str, Array]) -> dict[str, Any]:
        """Run the forward pass; what can be looked into afterwards, by root.

        Raises:
            Halt: it raised.
        """
        context = self.context(sizes, arrays)
        if self.data_place is not None:
            _attempt("forward", self.data_place.set, layer, context[DATA])
        returned = _attempt("forward", self.forward.run, context, layer)
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
            roles.UPSTREAM: self.as_given(upstream),
            roles.CACHE: self.cache(roots),
            roles.RATE: rate,
            roles.GRADIENTS: roots.setdefault(GIVEN, {}),
        }
        if self.rate_place is not None:
            _attempt("backward", self.rate_place.set, roots[LAYER], rate)
        for name, where in self.outputs.items():
            context[name] = look(where, roots)
        if self.upstream_place is not None:
            _attempt("backward", self.upstream_place.set, roots[LAYER], context[roles.UPSTREAM])
        for part, call in enumerate(self.backward):
            returned = _attempt("backward", call.run, context, roots[LAYER])
            roots[backward_root(part)] = returned

    @property
    def available(self) -> tuple[str, ...]:
        """The roles that the arguments of the backward pass may have."""
        data = (DATA, *self.model.parameters, *self.outputs, *self.settings)
        beside = [w for w in self.outputs.values() if w.root == FORWARD and w.place.steps]
        cache = (roles.CACHE,) if beside else ()
        return (*data, *cache, roles.RATE, roles.GRADIENTS, roles.SAMPLES)

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


def _prepared(call: Call, context: Mapping[str, Any], layer: Any) -> None:
    """Let a layer make the parameters that it makes at its first batch."""
    entering("forward")
    call.run(context, layer)


def _attempt(stage: str, action: Callable[..., Any], *arguments: Any) -> Any:
    entering(stage)
    try:
        return action(*arguments)
    except BaseException as error:
        if is_interrupt(error):
            raise
        raise Halt(stage, readable(error)) from error
    finally:
        restore_numpy()


def look(where: Where, roots: Mapping[str, Any]) -> Any:
    """What is at a place; None where there is nothing."""
    try:
        return plain(where.place.get(roots.get(where.root)))
    except LookupError:
        return None
