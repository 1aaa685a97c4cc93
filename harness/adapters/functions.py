"""A forward and a backward function; either names the pair, the other is found by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from backproof.adapters import roles
from backproof.adapters.arguments import (
    DATA,
    Argument,
    Call,
    backward_call,
    forward_call,
    is_required,
    parameters_of,
    stated_roles,
)
from backproof.adapters.building import build_subject
from backproof.adapters.forwarding import Fit, Search
from backproof.adapters.gradients import first_that_runs_backward, has_shapes
from backproof.adapters.machine import Halt, Machine
from backproof.adapters.mapping import mapped_machine
from backproof.adapters.model import PROBES, probe_data
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
    try:
        forward, backward = find_pair(loaded)
    except UsageError:
        pulling = _with_a_pullback(loaded, wishes)
        if pulling is None:
            raise
        return build_subject(pulling, wishes)
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


# ---------------------------------------------------------------- one function


def _with_a_pullback(loaded: Loaded, wishes: Wishes) -> Layer | None:
    """A forward function that returns its backward pass as a function; None if it is none."""
    forward = loaded.object
    texts: list[Definition | None] = []

    def backwards(machine: Machine) -> Iterator[Machine]:
        returned = _returned_beside(machine)
        taken = [p for p in parameters_of(returned) if is_required(p)] if returned else []
        if len(taken) == 1:
            texts.append(Definition.of(returned))
            given = Argument(taken[0].name, False, roles.UPSTREAM)
            call = Call(_pull_back, (Argument("", False, roles.CACHE), given))
            yield replace(machine, backward=(call,))

    machines = _machines(loaded, forward, forward, wishes)
    fits = Search(wishes).first_right(machines, PROBES[0])
    fit, _ = first_that_runs_backward(fits, backwards)
    if fit is None or not texts:
        return None
    return Layer(
        loaded=loaded,
        fit=fit,
        backward=fit.machine.backward,
        forward_text=Definition.of(forward),
        backward_texts=(texts[-1],),
    )


def _pull_back(pullback: Function, upstream: Any) -> Any:
    return pullback(upstream)


def _returned_beside(machine: Machine) -> Function | None:
    """The function that a forward pass returns beside its output."""
    data = probe_data(machine.model, PROBES[0])
    try:
        found = machine.cache(machine.run_forward(None, PROBES[0], data))
    except Halt:
        return None
    return found if inspect.isfunction(found) else None


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
    def backwards(machine: Machine) -> Iterator[Machine]:
        call = _backward_call(backward, machine, wishes)
        if call is not None:
            yield replace(machine, backward=(call,))

    best: Fit | None = None
    for sizes in PROBES:
        fits = search.first_right(_machines(loaded, forward, backward, wishes), sizes)
        best, ran = first_that_runs_backward(fits, backwards)
        if best is not None and ran is not None and ran.n > 1:
            return best
        if best is not None or (sizes.are_distinct and search.trials):
            # It runs: what it computes is wrong at these sizes and not for lack of others.
            break
    apart = Search(wishes)
    singles = _machines(loaded, forward, backward, wishes, single=True)
    found, ran = first_that_runs_backward(apart.first_right(singles, PROBES[0]), backwards)
    runs = found is not None and ran is not None and ran.are_distinct
    texts = [Definition.of(backward)]
    if found is not None and runs and (best is None or has_shapes(found.machine, texts)):
        return found
    if best is None:
        best = _activation_alone(forward, wishes, backwards)
    return best or search.best_of_the_rest()


def _activation_alone(
    forward: Function, wishes: Wishes, backwards: Callable[[Machine], Iterator[Machine]]
) -> Fit | None:
    """A pair without weights that applies a known function."""
    call = forward_call(forward)
    if call is None or call.parameter_of(DATA) is None:
        return None
    machines = [Machine(model=model, forward=call) for model in wishes.activation_alone()]
    return first_that_runs_backward(Search(wishes).first_right(machines, PROBES[0]), backwards)[0]


def _machines(
    loaded: Loaded,
    forward: Function,
    backward: Function,
    wishes: Wishes,
    *,
    single: bool = False,
) -> Iterator[Machine]:
    """The ways to run a forward function, the likeliest first."""
    parameters = [*parameters_of(forward), *parameters_of(backward)]
    stated = stated_roles(wishes.mapping, forward)
    for settings in settings_of(parameters, loaded.module, wishes):
        for bias in (True, False) if wishes.spec is None else (True,):
            for model in wishes.models(bias, single=single):
                call = forward_call(forward, None, model.parameters, settings, stated)
                if call is None or any(call.parameter_of(p) is None for p in model.parameters):
                    continue
                for shape in ("", "row", "column") if bias else ("",):
                    yield Machine(model=model, forward=call, settings=settings, bias_shape=shape)
