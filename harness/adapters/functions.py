"""A forward and a backward function; either names the pair, the other is found by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from backproof.adapters import roles
from backproof.adapters.arguments import (
    Call,
    backward_call,
    forward_call,
    parameters_of,
    stated_roles,
)
from backproof.adapters.building import build_subject
from backproof.adapters.forwarding import Fit, Search
from backproof.adapters.gradients import first_that_runs_backward
from backproof.adapters.machine import Machine
from backproof.adapters.mapping import mapped_machine
from backproof.adapters.model import PROBES
from backproof.adapters.naming import Layer
from backproof.adapters.offers import settings_of
from backproof.adapters.refusals import not_inferred, not_understood
from backproof.adapters.source import Definition
from backproof.adapters.wishes import Wishes
from backproof.errors import UsageError
from backproof.loading import Loaded
from backproof.subjects import Subject

Function = Callable[..., Any]


def recognises(loaded: Loaded) -> bool:
    """Whether the object is a function."""
    return inspect.isroutine(loaded.object) and not inspect.isclass(loaded.object)


def adapt(loaded: Loaded, wishes: Wishes) -> Subject:
    """The subject that a pair of functions is.

    Raises:
        UsageError: the other half is not found, or a mapping names nothing.
        NotInferredError: what the pair computes could not be found out.
    """
    forward, backward = find_pair(loaded)
    text = Definition.of(backward)
    search = Search(wishes)
    fit = _find_forward(loaded, forward, backward, wishes, search)
    if fit is None:
        raise not_inferred(loaded, search)
    call = _backward_call(backward, fit.machine, wishes)
    if call is None:
        names = [p.name for p in parameters_of(backward)]
        raise not_understood(loaded.label, backward.__name__, names)
    parameters = [p.name for p in (*parameters_of(forward), *parameters_of(backward))]
    machine = mapped_machine(fit.machine, wishes, parameters)
    layer = Layer(
        loaded=loaded,
        fit=replace(fit, machine=machine),
        backward=(call,),
        forward_text=Definition.of(forward),
        backward_texts=(text,),
    )
    return build_subject(layer, wishes)


# ---------------------------------------------------------------- the halves


def find_pair(loaded: Loaded) -> tuple[Function, Function]:
    """The forward and the backward function of a pair, one of which was named.

    Raises:
        UsageError: there is no other half; the message says which names were looked for.
    """
    name = loaded.name.rsplit(".", 1)[-1]
    known = {n: f for n, f in vars(loaded.module).items() if inspect.isroutine(f)}
    looked_for: list[str] = []
    for other, is_backward in other_names(name):
        looked_for.append(other)
        if other in known and known[other] is not loaded.object:
            own = loaded.object
            return (known[other], own) if is_backward else (own, known[other])
    functions = ", ".join(n for n in known if not n.startswith("_")) or "none"
    wanted = ", ".join(dict.fromkeys(looked_for[:4])) or "a name with forward or backward in it"
    raise UsageError(
        f"{loaded.label} is a function without its other half",
        f"looked for {wanted}; the functions there are {functions}; "
        "or mark a function of named arrays with @bp.subject",
    )


def other_names(name: str) -> Iterator[tuple[str, bool]]:
    """Names that the other half may have, and whether ``name`` is the backward half."""
    for first, second in roles.HALVES:
        for own, other, is_backward in ((second, first, True), (first, second, False)):
            for cased in (str.lower, str.capitalize, str.upper):
                if cased(own) in name:
                    yield name.replace(cased(own), cased(other)), is_backward
    for other in (f"{name}_backward", f"{name}_grad", f"{name}_vjp", f"d_{name}", f"d{name}"):
        yield other, False
    for suffix in ("_backward", "_grad", "_gradient", "_vjp", "_prime", "_bwd"):
        if name.endswith(suffix):
            yield name.removesuffix(suffix), True
    for prefix in ("backward_", "grad_", "d_", "d"):
        if name.startswith(prefix):
            yield name.removeprefix(prefix), True


# ---------------------------------------------------------------- the forward pass


def _backward_call(backward: Function, machine: Machine, wishes: Wishes) -> Call | None:
    stated = stated_roles(wishes.mapping, backward)
    return backward_call(backward, None, machine.available, stated)


def _find_forward(
    loaded: Loaded, forward: Function, backward: Function, wishes: Wishes, search: Search
) -> Fit | None:
    def calls(machine: Machine) -> tuple[Call, ...] | None:
        call = _backward_call(backward, machine, wishes)
        return None if call is None else (call,)

    for sizes in PROBES:
        fits = search.first_right(_machines(loaded, forward, backward, wishes), sizes)
        fit = first_that_runs_backward(fits, calls)
        if fit is not None:
            return fit
        if sizes.are_distinct and search.trials:
            # It runs: what it computes is wrong at these sizes and not for lack of others.
            break
    return search.best_of_the_rest()


def _machines(
    loaded: Loaded, forward: Function, backward: Function, wishes: Wishes
) -> Iterator[Machine]:
    """The ways to run a forward function, the likeliest first."""
    parameters = [*parameters_of(forward), *parameters_of(backward)]
    stated = stated_roles(wishes.mapping, forward)
    for settings in settings_of(parameters, loaded.module, wishes):
        for bias in (True, False) if wishes.spec is None else (True,):
            for model in wishes.models(bias):
                call = forward_call(forward, None, model.parameters, settings, stated)
                if call is None or any(call.parameter_of(p) is None for p in model.parameters):
                    continue
                for shape in ("", "row", "column") if bias else ("",):
                    yield Machine(model=model, forward=call, settings=settings, bias_shape=shape)
