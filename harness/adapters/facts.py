"""What was found out about a layer, in short sentences."""

from __future__ import annotations

from collections.abc import Mapping

from backproof.adapters import roles
from backproof.adapters.gradients import Backward
from backproof.adapters.machine import COLUMNS, LAYER, RATE, Machine, Where
from backproof.adapters.model import LINEAR, PROBES, Model
from backproof.adapters.naming import Layer
from backproof.adapters.offers import is_stand_in

_PARTS = {roles.SAMPLES: "samples", roles.INPUTS: "inputs", roles.OUTPUTS: "outputs"}
_BIASES = {"": "a vector", "row": "a row", "column": "a column"}


def facts_of(
    layer: Layer,
    backward: Backward,
    machine: Machine,
    upstream: str,
    names: Mapping[str, str],
    missing: Mapping[str, str],
) -> tuple[str, ...]:
    """The sentences, in the order in which the layer is used.

    Args:
        layer: with its forward pass.
        backward: the backward pass as it was observed.
        machine: with the places of all that is shown.
        upstream: the tensor whose gradient the backward pass is given.
        names: the author's names.
        missing: for each gradient that is not shown, why.
    """
    return (
        *_construction(machine, layer),
        *_parameters(machine, names),
        *_forward(layer, machine, names),
        *_backward(layer, backward, machine, upstream, names),
        *(f"{name} is {why}" for name, why in missing.items()),
        *_sums(machine),
        *_halt(backward),
    )


def assumptions_of(machine: Machine) -> tuple[str, ...]:
    """What the caller has to do for the results to be right."""
    return tuple(
        f"the caller sets {place.show('self')} to zero before each backward pass"
        for place in machine.sums
    )


def _construction(machine: Machine, layer: Layer) -> list[str]:
    if machine.construct is None:
        return []
    name = layer.loaded.name
    found = [f"constructed as {machine.construct.shown(name)}"]
    for role, value in machine.settings.items():
        one = value[0] if isinstance(value, tuple) else value
        shown = one if isinstance(one, str) else getattr(one, "__name__", type(one).__name__)
        own = " of backproof's, under any name" if is_stand_in({role: value}) else ""
        found.append(f"the {role} that it is given is {shown}{own}")
    for call in machine.prepare:
        found.append(f"{call.shown(str(call.function))} makes its parameters")
    return found


def _shape(model: Model, tensor: str) -> str:
    by_axis = {axis: _PARTS[part] for part, axis in model.axes.items()}
    axes = model.spec.program.tensors[tensor].axes
    inner = ", ".join(by_axis.get(axis, axis) for axis in axes)
    return f"({inner})"


def _parameters(machine: Machine, names: Mapping[str, str]) -> list[str]:
    model = machine.model
    found = []
    for name in model.parameters:
        rank = model.spec.program.tensors[name].rank
        shape = machine.slots[name].shape if name in machine.slots else machine.bias_shape
        kind = _BIASES[shape] if rank == 1 else f"shape {_shape(model, name)}"
        found.append(f"{name} is {names.get(name, 'not named')}, {kind}")
    if "b" not in model.parameters and "W" in model.parameters:
        found.append("no bias was found")
    return found


def _forward(layer: Layer, machine: Machine, names: Mapping[str, str]) -> list[str]:
    model, fit = machine.model, layer.fit
    found = [f"X has shape {_shape(model, model.data)}: layout {model.spec.layout}"]
    if not model.spec.layout:
        found = [f"{model.data} has shape {_shape(model, model.data)}"]
    if machine.data_shape == COLUMNS:
        found.append("each sample is a column of its own: X is given as (samples, inputs, 1)")
    if not model.has_samples and model.spec.layout:
        found.append("it takes one sample at a time: with several it raises")
    if machine.data_place is not None:
        found.append(f"X is put in {machine.data_place.show('self')} before the forward pass")
    for name, where in machine.outputs.items():
        found.append(f"{name} is {_where(where, names.get(name), 'forward')}")
    if fit.trusted:
        found.append("nothing reproduces the forward pass; the spec is the one that was asked for")
    elif fit.mistake:
        found.append(f"the forward pass is that of this spec with a mistake: {fit.mistake}")
    elif fit.activation == LINEAR:
        found.append("the forward pass is linear")
    elif fit.activation:
        found.append(f"the forward pass is reproduced with activation {fit.activation}")
    else:
        found.append("the forward pass is that of its spec")
    return found


def _where(where: Where, name: str | None, pass_: str) -> str:
    if where.root == LAYER:
        return where.place.show("self")
    shown = f" as {name}" if name else ""
    return f"what {pass_} returns{where.place.show('') and ' at ' + where.place.show('')}{shown}"


def _backward(
    layer: Layer, backward: Backward, machine: Machine, upstream: str, names: Mapping[str, str]
) -> list[str]:
    called = layer.argument or "its argument"
    found = [f"backward takes d{upstream} as {called}"]
    if machine.upstream_place is not None:
        found = [f"backward finds d{upstream} in {machine.upstream_place.show('self')}"]
    for call in machine.backward:
        rate = call.parameter_of(roles.RATE)
        if rate is not None:
            found.append(f"{rate} is {RATE}")
    if machine.rate_place is not None and machine.updates:
        found.append(f"{machine.rate_place.show('self')} is set to 1 to read its steps")
    for name, where in machine.gradients.items():
        found.append(f"{name} is {_where(where, names.get(name), 'backward')}")
    for name in machine.updates:
        found.append(
            f"d{name} is read from the step that backward takes with {names[name]} from zero"
        )
    return found


def _sums(machine: Machine) -> list[str]:
    places = [place.show("self") for place in machine.sums]
    if not places:
        return []
    add, are = ("adds up", "is") if len(places) == 1 else ("add up", "are")
    return [f"{', '.join(places)} {add} from call to call and {are} set to zero before each"]


def _halt(backward: Backward) -> list[str]:
    if backward.halt is None:
        return []
    error = f"{type(backward.halt.error).__name__}: {backward.halt.error}"
    where_it_ran = f"runs at {backward.observed.sizes}" if backward.observed else "never runs"
    return [f"at {PROBES[0]} it raises {error}; it {where_it_ran}"]
