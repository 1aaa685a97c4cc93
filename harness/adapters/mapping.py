"""What a user said names stand for: checked, and put where it overrides what was found out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from backproof.adapters.machine import LAYER, Halt, Machine, Where
from backproof.adapters.model import PROBES, probe_data
from backproof.adapters.places import Place, walk
from backproof.adapters.wishes import Wishes
from backproof.errors import UsageError
from backproof.spec.errors import near


def mapped_machine(machine: Machine, wishes: Wishes, parameters: Sequence[str]) -> Machine:
    """The machine with the outputs where the user said that they are.

    Args:
        machine: whose forward pass runs.
        wishes: with the mapping.
        parameters: the names of the arguments of its passes.

    Raises:
        UsageError: a name that is mapped to is neither an argument nor kept by the layer.
    """
    program = machine.model.spec.program
    tensors = [t for t in wishes.mapping if t in program.tensors]
    layer = _after_forward(machine) if tensors else None
    outputs = dict(machine.outputs)
    for tensor in tensors:
        if wishes.mapping[tensor] in parameters:
            continue
        place = wishes.place(tensor)
        assert place is not None
        check_place(tensor, wishes.mapping[tensor], place, layer, parameters)
        if tensor in program.defined:
            outputs[tensor] = Where(LAYER, place)
    return replace(machine, outputs=outputs)


def check_place(
    tensor: str, said: str, place: Place, layer: Any, parameters: Sequence[str] = ()
) -> None:
    """Check that a layer keeps something at a place.

    Raises:
        UsageError: it does not; the message lists near names.
    """
    try:
        if layer is not None:
            place.get(layer)
            return
    except LookupError:
        pass
    known = [*parameters, *(p.show("self") for p, _ in walk(layer) if len(p.steps) <= 2)]
    names = near(said, known) or near(f"self.{said}", known) or known
    raise UsageError(
        f"'{tensor}={said}' maps {tensor} to a name that the layer does not have",
        f"known are {', '.join(names[:12])}",
    )


def _after_forward(machine: Machine) -> Any:
    sizes = PROBES[0]
    data = probe_data(machine.model, sizes)
    try:
        layer = machine.start(sizes, data)
        machine.put(layer, data)
        machine.run_forward(layer, sizes, data)
    except Halt:
        return None
    return layer
