"""Classes with a forward and a backward method."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

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
from backproof.adapters.gradients import first_that_runs_backward
from backproof.adapters.machine import Halt, Machine
from backproof.adapters.mapping import mapped_machine
from backproof.adapters.model import PROBES, Sizes, probe_data
from backproof.adapters.naming import Layer
from backproof.adapters.offers import settings_of
from backproof.adapters.refusals import not_inferred, not_understood
from backproof.adapters.slots import parameter_slots
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
    calls = _understood(cls, backward, fit.machine, wishes, loaded.label)
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

    def calls(machine: Machine) -> tuple[Call, ...] | None:
        found = _backward_calls(loaded.object, passes[1:], machine, wishes)
        return None if None in found else tuple(call for call in found if call is not None)

    layouts: set[str] | None = None
    for sizes in PROBES:
        tried = _machines(loaded, passes, wishes, sizes, search, layouts)
        fit = first_that_runs_backward(search.first_right(tried, sizes), calls)
        if fit is not None:
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
        # A class that is a namespace is given its parameters with every call.
        call = call or forward_call(cls, forward, ("W", "b"), settings, stated)
        if call is None:
            continue
        for construct in constructor_calls(cls, settings):
            for bias in (True, False) if wishes.spec is None else (True,):
                for model in wishes.models(bias):
                    if layouts is None or model.spec.layout in layouts:
                        machine = Machine(
                            model=model, construct=construct, settings=settings, forward=call
                        )
                        yield from _with_arguments(machine, cls, forward, stated)
                        yield from _with_slots(machine, wishes, sizes, search, bias)


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
        places = parameter_slots(layer, shaped.model, sizes, wishes, bias)
        if not places:
            for prepared in _prepared(shaped, layer):
                try:
                    layer = prepared.start(sizes, data)
                except Halt:
                    continue
                places = parameter_slots(layer, prepared.model, sizes, wishes, bias)
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
