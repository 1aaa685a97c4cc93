"""Classes with a forward and a backward method."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.adapters import roles
from backproof.adapters.arguments import (
    Call,
    backward_call,
    constructor_calls,
    forward_call,
    parameters_of,
    stated_roles,
)
from backproof.adapters.building import build_subject
from backproof.adapters.forwarding import Fit, Search
from backproof.adapters.machine import Halt, Machine, Slot
from backproof.adapters.mapping import check_place, mapped_machine
from backproof.adapters.model import PROBES, Model, Sizes, probe_data
from backproof.adapters.naming import Layer
from backproof.adapters.offers import settings_of
from backproof.adapters.places import Place, walk
from backproof.adapters.refusals import not_inferred
from backproof.adapters.source import Definition
from backproof.adapters.wishes import Wishes
from backproof.errors import UsageError
from backproof.loading import Loaded
from backproof.spec.errors import near
from backproof.subjects import Subject

# Of the places that may hold a parameter, so many are tried.
_MOST_PLACES = 4

_PREPARING = ("build", "init", "initialize", "initialise", "setup", "prepare", "create", "reset")


def recognises(loaded: Loaded) -> bool:
    """Whether the object is a class."""
    return inspect.isclass(loaded.object)


def adapt(loaded: Loaded, wishes: Wishes) -> Subject:
    """The subject that a class is.

    Raises:
        UsageError: it has no forward and backward pass, or a mapping names nothing.
        NotInferredError: what it computes could not be found out.
    """
    cls = loaded.object
    forward, backward = find_methods(cls, loaded.label)
    search = Search(wishes)
    fit = find_forward(loaded, (forward, *backward), wishes, search)
    if fit is None:
        raise not_inferred(loaded, search)
    texts = [Definition.of(getattr(cls, name)) for name in backward]
    calls = _backward_calls(cls, backward, fit.machine, wishes, loaded.label)
    parameters = [p.name for name in (forward, *backward) for p in parameters_of(cls, name)]
    machine = mapped_machine(fit.machine, wishes, parameters)
    layer = Layer(
        loaded=loaded,
        fit=replace(fit, machine=machine),
        backward=calls,
        forward_text=Definition.of(getattr(cls, forward)),
        backward_texts=tuple(texts),
    )
    return build_subject(layer, wishes)


# ---------------------------------------------------------------- methods


def find_methods(cls: type, label: str) -> tuple[str, tuple[str, ...]]:
    """The names of a class's forward pass and of the parts of its backward pass.

    Raises:
        UsageError: one is missing; the message says what was looked for and what there is.
    """
    methods = [name for name, member in inspect.getmembers(cls, callable) if _is_own(cls, name)]
    forward = _ranked(methods, roles.forward_rank)
    backward = _ranked(methods, roles.backward_rank)
    if forward and backward:
        rest = [m for m in methods if roles.plain(m) == "accgradparameters"]
        return forward[0], (backward[0], *rest)
    wanted = " and ".join(
        f"a {kind} method"
        for kind, found in (("forward", forward), ("backward", backward))
        if not found
    )
    public = [m for m in methods if not m.startswith("_")] or methods
    found = f"its methods are {', '.join(public)}" if public else "it has no methods"
    close = near("forward" if not forward else "backward", public)
    hint = f"a near name is '{close[0]}'; " if close else ""
    raise UsageError(
        f"{label} has no {wanted.removeprefix('a ')}; {found}",
        f"{hint}name the passes forward and backward, or mark a function with @bp.subject",
    )


def _is_own(cls: type, name: str) -> bool:
    if name.startswith("__") and name != "__call__":
        return False
    return any(name in vars(kind) for kind in cls.__mro__ if kind is not object)


def _ranked(names: Sequence[str], rank: Any) -> list[str]:
    ranked = [(rank(name), name) for name in names if rank(name) is not None]
    return [name for _, name in sorted(ranked)]


def _backward_calls(
    cls: type, backward: tuple[str, ...], machine: Machine, wishes: Wishes, label: str
) -> tuple[Call, ...]:
    calls = []
    for name in backward:
        stated = stated_roles(wishes.mapping, cls, name)
        call = backward_call(cls, name, machine.available, stated)
        if call is None:
            names = ", ".join(p.name for p in parameters_of(cls, name)) or "nothing"
            raise UsageError(
                f"{label}: what {name} takes ({names}) is not understood",
                "map its arguments, such as --map dZ=grad, or mark a function with @bp.subject",
            )
        calls.append(call)
    return tuple(calls)


# ---------------------------------------------------------------- the forward pass


def find_forward(
    loaded: Loaded, passes: tuple[str, ...], wishes: Wishes, search: Search
) -> Fit | None:
    """What a class's forward pass computes; None if that cannot be found out.

    Args:
        loaded: the class.
        passes: the names of its forward and its backward methods.
        wishes: what the user asked for.
        search: keeps what was tried.
    """
    layouts: set[str] | None = None
    for sizes in PROBES:
        tried = _machines(loaded, passes, wishes, sizes, search, layouts)
        for fit in search.first_right(tried, sizes):
            return fit
        if sizes.are_distinct and search.trials:
            # A layout whose weights have another shape is no layout of this layer, even where
            # equal sizes would let it pass.
            layouts = {t.machine.model.spec.layout for t in search.trials}
        elif sizes.are_distinct:
            layouts = {m.model.spec.layout for m, _, _ in search.halts if m.slots} or None
    return search.best_of_the_rest()


def _machines(
    loaded: Loaded,
    passes: tuple[str, ...],
    wishes: Wishes,
    sizes: Sizes,
    search: Search,
    layouts: set[str] | None,
) -> Iterator[Machine]:
    """The ways to run a class's forward pass at some sizes, the likeliest first."""
    cls, forward = loaded.object, passes[0]
    parameters = [p for name in (None, *passes) for p in parameters_of(cls, name)]
    stated = stated_roles(wishes.mapping, cls, forward)
    for settings in settings_of(parameters, loaded.module, wishes):
        call = forward_call(cls, forward, (), settings, stated)
        if call is None:
            continue
        for construct in constructor_calls(cls, settings):
            for bias in (True, False) if wishes.spec is None else (True,):
                for model in wishes.models(bias):
                    if layouts is None or model.spec.layout in layouts:
                        machine = Machine(
                            model=model, construct=construct, settings=settings, forward=call
                        )
                        yield from _with_slots(machine, wishes, sizes, search, bias)


def _with_slots(
    machine: Machine, wishes: Wishes, sizes: Sizes, search: Search, bias: bool
) -> Iterator[Machine]:
    data = probe_data(machine.model, sizes)
    takes_bias = machine.construct is not None and machine.construct.parameter_of("b")
    if takes_bias and not bias:
        return
    for shape in ("", "row", "column") if takes_bias else ("",):
        shaped = replace(machine, bias_shape=shape)
        try:
            layer = shaped.start(sizes, data)
        except Halt as halt:
            search.halts.append((shaped, sizes, halt))
            continue
        places = _places(layer, shaped.model, sizes, wishes, bias)
        if not places:
            for prepared in _prepared(shaped, layer):
                try:
                    layer = prepared.start(sizes, data)
                except Halt:
                    continue
                places = _places(layer, prepared.model, sizes, wishes, bias)
                if places:
                    shaped = prepared
                    break
        for slots in places:
            yield replace(shaped, slots=slots)


def _prepared(machine: Machine, layer: Any) -> Iterator[Machine]:
    """With a method that makes the parameters; the forward pass itself may be one."""
    cls = type(layer)
    for name, _ in inspect.getmembers(cls, inspect.isfunction):
        if not name.startswith("__") and set(roles.tokens(name)) & set(_PREPARING):
            for call in constructor_calls(cls, method=name):
                yield replace(machine, prepare=(call,))
    yield replace(machine, prepare=(machine.forward,))


# ---------------------------------------------------------------- parameters


def _places(
    layer: Any, model: Model, sizes: Sizes, wishes: Wishes, bias: bool
) -> list[Mapping[str, Slot]]:
    """Where the parameters may be, the likeliest first."""
    everything = list(walk(layer))
    found: list[dict[str, Slot]] = [{}]
    for name in model.parameters:
        shape = model.shape(name, sizes)
        mapped = wishes.place(name)
        if mapped is not None:
            options = _mapped_slot(layer, name, mapped, shape, wishes)
        elif len(shape) == 1:
            options = _vector_slots(everything, name, shape[0], model)
        else:
            options = _matrix_slots(everything, name, shape)
        found = [{**slots, name: slot} for slots in found for slot in options[:_MOST_PLACES]]
    if not found and bias and set(model.parameters) == {"W", "b"} and not wishes.mapping:
        found = list(_joined_slots(everything, model, sizes))
    if not bias and any(roles.tensor_role(place_name(p)) == "b" for p, _ in everything):
        # A layer that keeps a bias has one, whether its forward pass adds it or not.
        return []
    return list(found)


def place_name(place: Place) -> str:
    """The name that says what is kept at a place; the holder's, where the last says nothing."""
    names = [str(key) for _, key in place.steps if isinstance(key, str)]
    if len(names) > 1 and roles.plain(names[-1]) in ("value", "data", "values", "array", "val"):
        return names[-2]
    return names[-1].rsplit("/", 1)[-1] if names else ""


def _mapped_slot(
    layer: Any, name: str, place: Place, shape: tuple[int, ...], wishes: Wishes
) -> list[Slot]:
    try:
        value = place.get(layer)
    except LookupError:
        said = wishes.mapping[name]
        check_place(name, said, place, layer)
        return []
    return [Slot(place, _vector_shape(value, shape[0]) or "" if len(shape) == 1 else "")]


def _matrix_slots(
    everything: list[tuple[Place, Any]], name: str, shape: tuple[int, ...]
) -> list[Slot]:
    fitting = [
        place
        for place, value in everything
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.shape == shape
    ]
    return [Slot(place) for place in sorted(fitting, key=lambda p: _likelihood(p, name))]


def _joined_slots(
    everything: list[tuple[Place, Any]], model: Model, sizes: Sizes
) -> Iterator[dict[str, Slot]]:
    """Weights with one more input, whose value is 1: the bias is their first or last part."""
    shape = model.shape("W", sizes)
    axis = model.spec.program.tensors["W"].axes.index(model.axes[roles.INPUTS])
    larger = tuple(size + (k == axis) for k, size in enumerate(shape))
    for slot in _matrix_slots(everything, "W", larger)[:_MOST_PLACES]:
        for rest, one in ((slice(1, None), 0), (slice(None, -1), -1)):
            keys: tuple[Any, Any] = (rest, slice(one, one + 1 or None))
            if axis == 1:
                keys = ((slice(None), rest), (slice(None), keys[1]))
            shape_of_bias = "row" if axis == 0 else "column"
            yield {
                "W": Slot(slot.place.item(keys[0])),
                "b": Slot(slot.place.item(keys[1]), shape_of_bias),
            }


def _vector_slots(
    everything: list[tuple[Place, Any]], name: str, size: int, model: Model
) -> list[Slot]:
    found = []
    for place, value in everything:
        shape = _vector_shape(value, size)
        is_named = roles.tensor_role(place_name(place)) == name
        if shape is None and is_named and (value is None or np.ndim(value) == 0):
            # A scalar that broadcasts; as a vector it has to broadcast the same way.
            shape = "" if model.samples_are_rows else "column"
        if shape is not None and not isinstance(value, (str, bytes)):
            found.append(Slot(place, shape))
    found.sort(key=lambda slot: _likelihood(slot.place, name))
    named = [s for s in found if roles.tensor_role(place_name(s.place)) == name]
    return named or found


def _vector_shape(value: Any, size: int) -> str | None:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        return None
    return {(size,): "", (1, size): "row", (size, 1): "column"}.get(value.shape)


def _likelihood(place: Place, name: str) -> tuple[int, bool, int]:
    return roles.preference(place_name(place), name), place.is_private, len(place.steps)
