"""Classes with a forward and a backward method."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backproof.adapters import roles
from backproof.adapters.arguments import (
    DATA,
    Call,
    backward_call,
    constructor_calls,
    forward_call,
    parameters_of,
    stated_roles,
)
from backproof.adapters.building import build_subject
from backproof.adapters.forwarding import Fit, Search
from backproof.adapters.gradients import first_that_runs_backward, has_shapes
from backproof.adapters.machine import COLUMNS, Halt, Machine
from backproof.adapters.mapping import mapped_machine
from backproof.adapters.model import PROBES, Sizes, probe_data
from backproof.adapters.naming import Layer
from backproof.adapters.offers import settings_of
from backproof.adapters.refusals import not_inferred, not_understood
from backproof.adapters.slots import data_places, parameter_slots, upstream_places
from backproof.adapters.source import Definition
from backproof.adapters.wishes import Wishes
from backproof.errors import UsageError
from backproof.loading import Loaded
from backproof.spec.errors import near
from backproof.subjects import Subject

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
    calls = fit.machine.backward or _understood(cls, backward, fit.machine, wishes, loaded.label)
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
    cls: type, backward: tuple[str, ...], machine: Machine, wishes: Wishes
) -> list[Call | None]:
    return [
        backward_call(cls, name, machine.available, stated_roles(wishes.mapping, cls, name))
        for name in backward
    ]


def _understood(
    cls: type, backward: tuple[str, ...], machine: Machine, wishes: Wishes, label: str
) -> tuple[Call, ...]:
    found = []
    for name, call in zip(backward, _backward_calls(cls, backward, machine, wishes), strict=True):
        if call is None:
            raise not_understood(label, name, [p.name for p in parameters_of(cls, name)])
        found.append(call)
    return tuple(found)


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

    def backwards(machine: Machine) -> Iterator[Machine]:
        yield from _backwards(loaded.object, passes[1:], machine, wishes)

    texts = [Definition.of(getattr(loaded.object, name)) for name in passes[1:]]
    fit, sizes = _of_batches(loaded, passes, wishes, search, backwards)
    if fit is not None and sizes is not None and sizes.n > 1:
        return fit
    if fit is None and search.raises_whatever:
        return search.best_of_the_rest()
    for other in (_ONE_SAMPLE, _COLUMNS) if fit is None else (_ONE_SAMPLE,):
        apart = Search(wishes)
        tried = _machines(loaded, passes, wishes, PROBES[0], apart, None, other)
        found, ran = first_that_runs_backward(apart.first_right(tried, PROBES[0]), backwards)
        runs = found is not None and ran is not None and ran.are_distinct
        if found is not None and runs and (fit is None or has_shapes(found.machine, texts)):
            return found
    if fit is None:
        fit = _activation_alone(loaded, passes, wishes, backwards)
    return fit or search.best_of_the_rest()


def _activation_alone(
    loaded: Loaded,
    passes: tuple[str, ...],
    wishes: Wishes,
    backwards: Callable[[Machine], Iterator[Machine]],
) -> Fit | None:
    """A layer without weights that applies a known function."""
    cls = loaded.object
    call = forward_call(cls, passes[0])
    if call is None or call.parameter_of(DATA) is None:
        return None
    machines = [
        Machine(model=model, construct=construct, forward=call)
        for construct in constructor_calls(cls)
        for model in wishes.activation_alone()
    ]
    fits = Search(wishes).first_right(machines, PROBES[0])
    return first_that_runs_backward(fits, backwards)[0]


@dataclass(frozen=True, slots=True)
class _Shape:
    """In which shape the data come.

    Attributes:
        single: one sample at a time.
        data_shape: see ``Machine``.
    """

    single: bool = False
    data_shape: str = ""


_BATCH, _ONE_SAMPLE, _COLUMNS = _Shape(), _Shape(single=True), _Shape(data_shape=COLUMNS)


def _of_batches(
    loaded: Loaded,
    passes: tuple[str, ...],
    wishes: Wishes,
    search: Search,
    backwards: Callable[[Machine], Iterator[Machine]],
) -> tuple[Fit | None, Sizes | None]:
    """What the forward pass of a layer of several samples computes, and where backward runs."""
    layouts: set[str] | None = None
    for sizes in PROBES:
        tried = _machines(loaded, passes, wishes, sizes, search, layouts)
        fit, ran = first_that_runs_backward(search.first_right(tried, sizes), backwards)
        if fit is not None:
            return fit, ran
        if sizes.are_distinct and search.trials:
            # A layout whose weights have another shape is no layout of this layer, even where
            # equal sizes would let it pass.
            layouts = {t.machine.model.spec.layout for t in search.trials}
        elif sizes.are_distinct:
            layouts = {m.model.spec.layout for m, _, _ in search.halts if m.slots} or None
            if search.raises_whatever:
                break
    return None, None


def _backwards(
    cls: type, backward: tuple[str, ...], machine: Machine, wishes: Wishes
) -> Iterator[Machine]:
    """A machine with the calls of its backward pass; one for each place of what is not passed."""
    calls = _backward_calls(cls, backward, machine, wishes)
    if None not in calls:
        yield replace(machine, backward=tuple(call for call in calls if call is not None))
        return
    found = [backward_call(cls, name, machine.available, finds_it=True) for name in backward]
    if machine.construct is None or None in found:
        return
    model, sizes = machine.model, PROBES[0]
    data = probe_data(model, sizes)
    try:
        layer = machine.start(sizes, data)
        machine.put(layer, data)
        machine.run_forward(layer, sizes, data)
    except Halt:
        return
    shape = machine.as_given(data[f"d{model.output}"]).shape
    for place in upstream_places(layer, shape):
        calls_alone = tuple(call for call in found if call is not None)
        yield replace(machine, backward=calls_alone, upstream_place=place)


def _machines(
    loaded: Loaded,
    passes: tuple[str, ...],
    wishes: Wishes,
    sizes: Sizes,
    search: Search,
    layouts: set[str] | None,
    shape: _Shape = _BATCH,
) -> Iterator[Machine]:
    """The ways to run a class's forward pass at some sizes, the likeliest first."""
    cls, forward = loaded.object, passes[0]
    parameters = [p for name in (None, *passes) for p in parameters_of(cls, name)]
    stated = stated_roles(wishes.mapping, cls, forward)
    others = _other_classes(loaded)
    for settings in settings_of(parameters, loaded.module, wishes):
        call = forward_call(cls, forward, (), settings, stated)
        # A class that is a namespace is given its parameters with every call.
        call = call or forward_call(cls, forward, ("W", "b"), settings, stated)
        if call is None:
            continue
        for construct in constructor_calls(cls, settings, predecessors=others):
            for bias in (True, False) if wishes.spec is None else (True,):
                for model in wishes.models(bias, single=shape.single):
                    if layouts is None or model.spec.layout in layouts:
                        machine = Machine(
                            model=model,
                            construct=construct,
                            settings=settings,
                            forward=call,
                            data_shape=shape.data_shape,
                        )
                        yield from _with_arguments(machine, cls, forward, stated)
                        yield from _with_slots(machine, wishes, sizes, search, bias)


def _other_classes(loaded: Loaded) -> list[type]:
    """The other classes of a layer's module, of which one may stand for the layer before."""
    module = loaded.module
    found = [v for v in vars(module).values() if inspect.isclass(v) and v is not loaded.object]
    return [cls for cls in found if cls.__module__ == module.__name__]


def _with_arguments(
    machine: Machine, cls: type, forward: str, stated: Mapping[str, str]
) -> Iterator[Machine]:
    """Where the forward pass takes the parameters as arguments."""
    wanted = machine.model.parameters
    call = forward_call(cls, forward, wanted, machine.settings, stated)
    if call is not None and all(call.parameter_of(name) is not None for name in wanted):
        for shape in ("", "row", "column") if "b" in wanted else ("",):
            yield replace(machine, forward=call, bias_shape=shape)


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
        found = False
        for prepared, ready in ((shaped, layer), *_started(shaped, layer, sizes, data)):
            for slots in parameter_slots(ready, prepared.model, sizes, wishes, bias):
                found = True
                yield from _with_data(replace(prepared, slots=slots), ready, sizes)
            if found:
                break
        if not found:
            for slots in parameter_slots(layer, machine.model, sizes, wishes, bias, unset=True):
                yield from _with_data(replace(shaped, slots=slots), layer, sizes)


def _with_data(machine: Machine, layer: Any, sizes: Sizes) -> Iterator[Machine]:
    """With each place where the layer may look for its data, if they are not passed to it."""
    if machine.forward.parameter_of(DATA) is not None:
        yield machine
        return
    for place in data_places(layer, machine.model, sizes):
        yield replace(machine, data_place=place)


def _started(
    machine: Machine, layer: Any, sizes: Sizes, data: Mapping[str, Any]
) -> Iterator[tuple[Machine, Any]]:
    """With a method that makes the parameters, and a layer for which it was called."""
    for prepared in _prepared(machine, layer):
        try:
            yield prepared, prepared.start(sizes, data)
        except Halt:
            continue


def _prepared(machine: Machine, layer: Any) -> Iterator[Machine]:
    """With a method that makes the parameters; the forward pass itself may be one."""
    cls = type(layer)
    for name, _ in inspect.getmembers(cls, inspect.isfunction):
        if not name.startswith("__") and set(roles.tokens(name)) & set(_PREPARING):
            for call in constructor_calls(cls, method=name):
                yield replace(machine, prepare=(call,))
    yield replace(machine, prepare=(machine.forward,))
