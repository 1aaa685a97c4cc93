"""How a layer's own code calls each tensor, and which of its statements computes it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.adapters import roles
from backproof.adapters.arguments import DATA, Call
from backproof.adapters.forwarding import Fit, same
from backproof.adapters.machine import BACKWARD, FORWARD, LAYER, Halt, Machine, Where
from backproof.adapters.model import PROBES, probe_data
from backproof.adapters.places import Place, walk
from backproof.adapters.source import Assignment, Definition, names_in
from backproof.adapters.tracing import names_from_cache, prefer_used, set_elsewhere
from backproof.loading import Loaded

Line = tuple[str, int, str]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer whose forward pass is understood.

    Attributes:
        loaded: what was named.
        fit: what its forward pass computes, and how it is run.
        backward: the calls of its backward pass.
        forward_text: the source of the forward pass.
        backward_texts: the source of each part of the backward pass.
    """

    loaded: Loaded
    fit: Fit
    backward: tuple[Call, ...]
    forward_text: Definition | None
    backward_texts: tuple[Definition | None, ...]

    @property
    def argument(self) -> str:
        """The name of the argument that takes the upstream gradient."""
        return self.backward[0].parameter_of(roles.UPSTREAM) or ""

    @property
    def files(self) -> tuple[str, ...]:
        """The source files of the layer."""
        texts = (*self.backward_texts, self.forward_text)
        files = [self.loaded.file, *(text.file for text in texts if text is not None)]
        return tuple(dict.fromkeys(f for f in files if f is not None))

    def text_of(self, where: Where) -> Definition | None:
        """The source of the pass that returns what is at a place; None for what is stored."""
        if where.root == FORWARD:
            return self.forward_text
        if where.root.startswith(BACKWARD):
            part = int(where.root.removeprefix(BACKWARD) or 1) - 1
            return self.backward_texts[part]
        return None


def names_of(layer: Layer, machine: Machine, upstream: str) -> dict[str, str]:
    """The author's names of the tensors and gradients that have one.

    Args:
        layer: the layer.
        machine: with its outputs and gradients.
        upstream: the tensor whose gradient the backward pass is given.
    """
    model = machine.model
    found: dict[str, str] = {}
    for name in (model.data, *model.parameters):
        role = DATA if name == model.data else name
        if name in machine.slots:
            found[name] = machine.slots[name].place.show("self")
        elif (parameter := machine.forward.parameter_of(role)) is not None:
            found[name] = parameter
    kept = _kept_data(machine)
    if kept is not None:
        found[model.data] = kept
    if layer.argument:
        found[f"d{upstream}"] = layer.argument
    elif machine.upstream_place is not None:
        found[f"d{upstream}"] = machine.upstream_place.show("self")
    for name, where in {**machine.outputs, **machine.gradients}.items():
        shown = _shown_name(where, layer)
        if shown is not None:
            found[name] = shown
    for name in machine.updates:
        under = _under_local_name(f"d{name}", layer)
        if under is not None:
            found[f"d{name}"] = under[1].target
    for name in ("Z", "dZ"):
        local = _local(name, layer, machine)
        if name not in found and local is not None:
            found[name] = local[1].target
    if machine.construct is None:
        text = layer.backward_texts[0]
        found = prefer_used(found, names_from_cache(machine, text), text)
    return found


def _shown_name(where: Where, layer: Layer) -> str | None:
    if where.root == LAYER:
        return where.place.show("self")
    text = layer.text_of(where)
    return None if text is None else text.name_returned_at(_path(where))


def _path(where: Where) -> tuple[int | str, ...]:
    return tuple(key for _, key in where.place.steps)


def _kept_data(machine: Machine) -> str | None:
    """The attribute in which a layer keeps its input."""
    if machine.construct is None:
        return None
    sizes = PROBES[0]
    data = probe_data(machine.model, sizes)
    try:
        instance = machine.start(sizes, data)
        machine.put(instance, data)
        machine.run_forward(instance, sizes, data)
    except Halt:
        return None
    value = data[machine.model.data]
    kept = [
        place
        for place, found in walk(instance)
        if isinstance(found, np.ndarray) and same(machine.as_stated(found), value)
    ]
    kept.sort(key=lambda p: (len(p.steps), roles.preference(p.name, DATA)))
    return kept[0].show("self") if kept else None


# ---------------------------------------------------------------- statements


def lines_of(layer: Layer, machine: Machine) -> dict[str, Line]:
    """The statement that computes each tensor and gradient, where one does."""
    found: dict[str, Line] = {}
    for name, where in machine.outputs.items():
        found |= _line(name, where, (layer.forward_text,), layer)
    for name, where in machine.gradients.items():
        found |= _line(name, where, layer.backward_texts, layer)
    instance = _instance(machine)
    for name, where in {**machine.outputs, **machine.gradients}.items():
        if name not in found and where.root == LAYER and instance is not None:
            elsewhere = set_elsewhere(where.place, instance)
            if elsewhere is not None:
                text, assignment = elsewhere
                found[name] = text.line_of(assignment.statement)
            else:
                found |= _forgotten(name, layer)
    for name in machine.updates:
        found |= _step(name, layer, machine) | _forgotten(f"d{name}", layer)
    for name in ("Z", "dZ"):
        local = _local(name, layer, machine)
        if name not in found and local is not None:
            text, assignment = local
            found[name] = text.line_of(assignment.statement)
    return found


def finished_by(layer: Layer, machine: Machine) -> dict[str, tuple[str, str, int]]:
    """For each gradient that the backward pass itself stores: its file, its name, the last line."""
    found = {}
    for name, where in machine.gradients.items():
        for text in layer.backward_texts:
            if where.root != LAYER or text is None or isinstance(text.node, ast.Lambda):
                continue
            line = text.final_line(where.place.show("self"))
            if line is not None:
                found[name] = (text.file, text.node.name, line)
    return found


def _forgotten(name: str, layer: Layer) -> dict[str, Line]:
    """The statement that computes a gradient under a local name and does not store it."""
    found = _under_local_name(name, layer)
    return {} if found is None else {name: found[0].line_of(found[1].statement)}


def missing_of(
    layer: Layer, machine: Machine, provides: tuple[str, ...], upstream: str
) -> dict[str, str]:
    """Why each gradient that a layer should give and does not is missing.

    Args:
        layer: the layer.
        machine: with the places of all that is shown.
        provides: what the layer shows, by name in the spec.
        upstream: the tensor whose gradient it is given.
    """
    found: dict[str, str] = {}
    for name in (f"d{tensor}" for tensor in machine.model.differentiated):
        if name in provides or name == f"d{upstream}":
            continue
        local = _under_local_name(name, layer)
        if local is None:
            found[name] = "shown nowhere"
            continue
        _, line, text = local[0].line_of(local[1].statement)
        if _is_used(*local):
            found[name] = f"used in a step, and shown nowhere: it is computed in line {line}"
        else:
            found[name] = f"computed in line {line} but not kept: `{text.splitlines()[0]}`"
    return found


def is_left_behind(name: str, layer: Layer) -> bool:
    """Whether the backward pass computes a gradient under a local name."""
    found = _under_local_name(name, layer)
    return found is not None and found[1].target.isidentifier() and not _is_used(*found)


def _is_used(text: Definition, assignment: Assignment) -> bool:
    """Whether what is assigned to a local name is read in another statement."""
    return any(
        isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Load)
        and node.id == assignment.target
        for statement in text.statements
        if statement is not assignment.statement
        for node in ast.walk(statement)
    )


def _under_local_name(name: str, layer: Layer) -> tuple[Definition, Assignment] | None:
    for text in layer.backward_texts:
        for assignment in _last_first(text):
            if text is not None and roles.gradient_role(assignment.target) == name:
                return text, assignment
    return None


def _step(name: str, layer: Layer, machine: Machine) -> dict[str, Line]:
    """The statement of the backward pass that takes a step with a parameter."""
    place = machine.slots[name].place
    places = [place, Place(place.steps[:-1])] if machine.slots[name].is_part else [place]
    for text in layer.backward_texts:
        for shown in (p.show("self") for p in places):
            found = None if text is None else text.of_target(shown)
            if text is not None and found is not None:
                return {f"d{name}": text.line_of(found.statement)}
    return {}


def _instance(machine: Machine) -> Any:
    try:
        return machine.start(PROBES[0], probe_data(machine.model, PROBES[0]))
    except Halt:
        return None


def _line(
    name: str, where: Where, texts: tuple[Definition | None, ...], layer: Layer
) -> dict[str, Line]:
    for text in texts:
        if text is None:
            continue
        if where.root == LAYER:
            assignment = text.of_target(where.place.show("self"))
            if assignment is not None:
                return {name: text.line_of(assignment.statement)}
        elif layer.text_of(where) is text:
            try:
                return {name: text.line_of(text.place_of_return(_path(where))[0])}
            except LookupError:
                return {}
    return {}


def _local(name: str, layer: Layer, machine: Machine) -> tuple[Definition, Assignment] | None:
    """A local variable that is Z or dZ by its name or by the part that it plays."""
    if machine.model.output == "Z" or name in machine.outputs or name in machine.gradients:
        return None
    if name == "Z":
        for assignment in _last_first(layer.forward_text):
            if roles.tensor_role(assignment.target) == "Z" and layer.forward_text is not None:
                return layer.forward_text, assignment
        return None
    for text in layer.backward_texts:
        for assignment in _last_first(text):
            named = roles.gradient_role(assignment.target) == "dZ"
            if text is not None and (named or _arrives(assignment, layer.argument, text)):
                return text, assignment
    return None


def _last_first(text: Definition | None) -> Iterator[Assignment]:
    if text is not None:
        yield from reversed(text.assignments)


def _arrives(assignment: Assignment, argument: str, text: Definition) -> bool:
    """Whether an assignment makes the one thing of the upstream gradient that the rest reads.

    It reads the argument and no weights, and at least two later statements read what it sets.
    """
    if not assignment.target.isidentifier() or argument not in names_in(assignment.value):
        return False
    readers = [
        s
        for s in text.statements
        if s.lineno > assignment.statement.lineno and assignment.target in names_in(s)
    ]
    products = sum(_has_product(s) for s in readers)
    return products >= 1 and len(readers) >= 2 and not _has_product(assignment.statement)


def _has_product(statement: ast.stmt) -> bool:
    """Whether a statement multiplies matrices."""
    for node in ast.walk(statement):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            return True
        if isinstance(node, ast.Attribute) and node.attr in _PRODUCTS:
            return True
    return False


_PRODUCTS = ("dot", "matmul", "einsum", "tensordot", "outer", "inner")
