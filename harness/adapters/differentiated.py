"""Layers whose gradients a framework gives: one forward pass, and what is taken back through it.

An adapter of a framework makes a class of NumPy arrays that stands for the layer. Its instances
keep the parameters in ``parameters``, by the layer's own names, and after ``backward`` the
gradients in ``gradients``, by the same names and by those of the arguments of ``forward``. Which
of them is which tensor is found out as for any other class; which gradient belongs to which of
them is known.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from backproof.adapters import roles
from backproof.adapters.arguments import DATA, backward_call
from backproof.adapters.assigning import wanted
from backproof.adapters.classes import find_forward
from backproof.adapters.facts import facts_of
from backproof.adapters.forwarding import Search
from backproof.adapters.gradients import Backward
from backproof.adapters.machine import BACKWARD, LAYER, Machine, Where
from backproof.adapters.naming import Layer, lines_of, names_of
from backproof.adapters.places import ITEM, Place
from backproof.adapters.refusals import not_inferred
from backproof.adapters.session import MachineSession
from backproof.adapters.source import Definition
from backproof.adapters.wishes import Wishes
from backproof.loading import Loaded
from backproof.subjects import Subject

Array = np.ndarray[Any, Any]
Names = dict[str, str]
Lines = dict[str, tuple[str, int, str]]
PASSES = ("forward", "backward")
# What the gradient that a backward pass is given is called where its author gives it no name.
UPSTREAM = "upstream"


class StandIn:
    """A layer of NumPy arrays that stands for one of a framework.

    Attributes:
        parameters: the layer's own, by its names.
        gradients: of the parameters and of the arguments of ``forward``, after ``backward``.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, Array] = {}
        self.gradients: dict[str, Array] = {}

    def backward(self, upstream: Array) -> None:
        """Set the gradients, of what the output's gradient is given."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a stand-in stands for, as its author wrote it.

    Attributes:
        kind: a sentence on what it was taken for.
        gradients: the words between ``dW is`` and its name, or between ``result 1 of`` and it.
        names: its author's names of parameters and arguments where they are not their keys.
        holder: what is put before a parameter's key for its author's name, such as ``self.``.
        forward: the source of its forward pass.
        backward: the source of the hand-written backward pass, if there is one.
        places: the position of a parameter's or argument's gradient in what that returns.
        gradient_name: what an author calls the gradient of something of a name, if anything.
        upstream: the name of the gradient that is taken back.
        elementary: how many times the usual bounds the framework's elementary functions may err.
    """

    kind: str
    gradients: str
    names: Mapping[str, str] = field(default_factory=dict)
    holder: str = ""
    forward: Definition | None = None
    backward: Definition | None = None
    places: Mapping[str, int] = field(default_factory=dict)
    gradient_name: Callable[[str], str] | None = None
    upstream: str = UPSTREAM
    elementary: float = 1.0

    def path(self, key: str) -> tuple[int, ...] | None:
        """Where in what the backward pass returns the gradient of a parameter or argument is."""
        if self.backward is None or key not in self.places:
            return None
        single = len(self.places) == 1 and not isinstance(self.backward.returned, ast.Tuple)
        return () if single else (self.places[key],)


def adapt_stand_in(
    stand_in: type[StandIn], origin: Origin, loaded: Loaded, wishes: Wishes
) -> Subject:
    """The subject that a framework's layer is.

    Args:
        stand_in: the class that stands for it.
        origin: what it stands for.
        loaded: what the user named.
        wishes: what the user asked for; parameters are mapped to by the layer's own names.

    Raises:
        UsageError: a mapping names nothing.
        NotInferredError: what its forward pass computes could not be found out.
    """
    own = replace(loaded, object=_taking(stand_in, origin.upstream))
    search = Search(wishes)
    fit = find_forward(own, PASSES, replace(wishes, mapping=_mapping(wishes)), search)
    if fit is None:
        raise not_inferred(own, search)
    machine = _with_gradients(fit.machine, own.object)
    files = [t.file for t in (origin.backward, origin.forward) if t is not None]
    found = dict.fromkeys((*([loaded.file] if loaded.file else []), *files))
    machine = replace(machine, files=tuple(found))
    output = machine.model.output
    layer = Layer(
        loaded=own,
        fit=replace(fit, machine=machine),
        backward=machine.backward,
        forward_text=origin.forward,
        backward_texts=(origin.backward,),
    )
    names, lines = _described(origin, layer, machine)
    shown = {*machine.outputs, *machine.gradients}
    order = (*machine.model.spec.program.defined, *wanted(machine.model))
    return Subject(
        label=loaded.label,
        spec=machine.model.spec,
        upstream=output,
        provides=tuple(name for name in order if name in shown),
        open=lambda: MachineSession(machine, f"d{output}"),
        names=names,
        lines=lines,
        facts=_facts(origin, layer, machine, names),
        file=loaded.file,
        elementary=origin.elementary,
        inferred=not wishes.settles_the_spec,
    )


def _mapping(wishes: Wishes) -> dict[str, str]:
    """What the user mapped parameters to, as places of a stand-in.

    Gradients are where they are, and an argument of the forward pass has its own name.
    """
    return {
        tensor: f"parameters[{said.removeprefix('self.')!r}]" if said.startswith("self.") else said
        for tensor, said in wishes.mapping.items()
        if not tensor.startswith("d")
    }


def _taking(stand_in: type[StandIn], upstream: str) -> type[StandIn]:
    """A stand-in whose backward pass takes what its author calls so."""

    def backward(self: Any, given: Array) -> None:
        stand_in.backward(self, given)

    own = inspect.Parameter(upstream, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return type(stand_in.__name__, (stand_in,), {"backward": signed(backward, [own])})


def _with_gradients(machine: Machine, stand_in: type[StandIn]) -> Machine:
    call = backward_call(stand_in, "backward", machine.available)
    assert call is not None
    stored = Place().attribute("gradients")
    gradients = {
        f"d{tensor}": Where(LAYER, stored.item(key)) for tensor, key in _keys(machine).items()
    }
    return replace(machine, backward=(call,), gradients=gradients)


def _keys(machine: Machine) -> dict[str, str]:
    """The layer's own name of each tensor that is differentiated for."""
    found = {}
    for tensor in machine.model.differentiated:
        role = DATA if tensor == machine.model.data else tensor
        argument = machine.forward.parameter_of(role)
        if argument is not None:
            found[tensor] = argument
        elif tensor in machine.slots:
            found[tensor] = str(machine.slots[tensor].place.steps[-1][1])
    return found


def _described(origin: Origin, layer: Layer, machine: Machine) -> tuple[Names, Lines]:
    """The author's names, and the statements that compute the output and the gradients."""
    keys, output = _keys(machine), machine.model.output
    gradients = {}
    for tensor, key in keys.items():
        path = origin.path(key)
        if path is not None:
            gradients[f"d{tensor}"] = Where(BACKWARD, Place(tuple((ITEM, k) for k in path)))
    own = replace(machine, gradients=gradients)
    names = names_of(layer, own, output)
    for tensor, key in keys.items():
        holder = origin.holder if tensor in machine.slots else ""
        names[tensor] = origin.names.get(key, f"{holder}{key}")
        if origin.backward is None and origin.gradient_name is not None:
            names[f"d{tensor}"] = origin.gradient_name(names[tensor])
    names[f"d{output}"] = origin.upstream
    return names, lines_of(layer, own)


def _facts(origin: Origin, layer: Layer, machine: Machine, names: Names) -> tuple[str, ...]:
    output = machine.model.output
    unshown = replace(machine, gradients={})
    found = list(facts_of(layer, Backward(unshown, {}, None, None), unshown, output, names, {}))
    if not machine.slots:
        found = [said for said in found if not said.startswith("constructed as")]
    for tensor, key in _keys(machine).items():
        called = names.get(f"d{tensor}", "")
        said = f"{origin.gradients} {called or names[tensor]}"
        if key in origin.places:
            number = origin.places[key] + 1
            said = f"result {number} of {origin.gradients}{called and f', {called}'}"
        found.append(f"d{tensor} is {said}")
    if origin.elementary != 1.0:
        found.append(f"elementary functions may err {origin.elementary:g} times the usual bounds")
    return (origin.kind, *found)


# ---------------------------------------------------------------- what adapters need to make one


def is_of(kind: Any, module: str, name: str) -> bool:
    """Whether a class is one of a framework, or derived from it; nothing is imported for that."""
    return inspect.isclass(kind) and any(
        base.__name__ == name and base.__module__.partition(".")[0] == module
        for base in kind.__mro__
    )


def signed(function: Callable[..., Any], parameters: Iterable[inspect.Parameter]) -> Any:
    """A method with the parameters of another one after its ``self``."""
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    function.__signature__ = inspect.Signature([own, *parameters])  # type: ignore[attr-defined]
    return function


def named_parameters(function: Any, skipped: int = 0) -> list[inspect.Parameter]:
    """The parameters of a function from some position on; all that it names itself."""
    found = list(inspect.signature(function).parameters.values())[skipped:]
    return [p.replace(annotation=p.empty) for p in found if p.kind not in _VARIABLE]


_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def bound_values(
    parameters: Sequence[inspect.Parameter], given: Sequence[Any], named: Mapping[str, Any]
) -> dict[str, Any]:
    """What each parameter is given, by name, defaults included."""
    signature = inspect.Signature(list(parameters))
    bound = signature.bind(*given, **named)
    bound.apply_defaults()
    return dict(bound.arguments)


def is_float_array(value: Any) -> bool:
    """Whether a value is an array that can be differentiated for."""
    return isinstance(value, np.ndarray) and (
        value.dtype.kind == "f" or value.dtype.name == "bfloat16"
    )


def the_only_output(value: Any, kind: type, called: str) -> Any:
    """What a forward pass returned, which has to be one array.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, kind):
        raise TypeError(f"the forward pass returns a {type(value).__name__}, not one {called}")
    return value


def argument_name(text: Definition | None, position: int) -> str:
    """The name of an argument of a backward pass that takes a gradient."""
    names = () if text is None else text.parameters
    found = names[position] if position < len(names) else UPSTREAM
    # Under such a name an argument is taken for something else.
    return UPSTREAM if roles.word_role(found) == roles.CACHE else found
