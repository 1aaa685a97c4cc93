"""Finding out what a backward pass shows, by running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from backproof.adapters.assigning import assign, readiness, wanted
from backproof.adapters.forwarding import numbers, same
from backproof.adapters.machine import (
    LAYER,
    Halt,
    Machine,
)
from backproof.adapters.model import PROBES
from backproof.adapters.numeric import Values
from backproof.adapters.observing import Observed, Shown, observe
from backproof.adapters.source import Definition
from backproof.errors import UsageError
from backproof.spec.derive import with_upstream
from backproof.spec.errors import near


@dataclass(frozen=True, slots=True)
class Backward:
    """What was found out about a backward pass.

    Attributes:
        machine: with the gradients' places.
        shown: the gradients as they were observed.
        observed: the pass that was looked at; None if it raised at all sizes.
        halt: what it raised at sizes that differ; None if it did not.
        names: the author's name of each gradient.
    """

    machine: Machine
    shown: Mapping[str, Shown]
    observed: Observed | None
    halt: Halt | None


def find_gradients(
    machine: Machine, texts: Sequence[Definition | None], mapping: Mapping[str, str]
) -> Backward:
    """Run the backward pass, at equal sizes if it must be, and say which gradient is where.

    Args:
        machine: with the calls of the backward pass.
        texts: the source of each part of the backward pass.
        mapping: what the user said gradients are called.

    Raises:
        UsageError: nothing of that name is shown.
    """
    first: Halt | None = None
    for sizes in PROBES:
        try:
            observed = observe(machine, sizes, texts)
        except Halt as halt:
            first = first or halt
            continue
        shown = assign(machine, observed, texts, mapped(machine, observed, mapping))
        places = {name: s.where for name, s in shown.items()}
        return Backward(replace(machine, gradients=places), shown, observed, first)
    return Backward(machine, {}, None, first)


def mapped(machine: Machine, observed: Observed, mapping: Mapping[str, str]) -> dict[str, Shown]:
    """What the user said certain gradients are called.

    Raises:
        UsageError: nothing of that name is shown.
    """
    found = {}
    called: dict[str, Shown] = {}
    for shown in sorted(observed.shown, key=readiness, reverse=True):
        if shown.where.root == LAYER:
            called[shown.where.place.show("self")] = shown
            called[shown.where.place.show("")] = shown
        elif shown.name:
            called[shown.name] = shown
    for name in wanted(machine.model):
        if name in mapping:
            said = mapping[name]
            if said not in called:
                names = near(said, called) or sorted(called)
                raise UsageError(
                    f"'{name}={said}' maps {name} to something that the layer does not show",
                    f"known are {', '.join(names)}",
                )
            found[name] = called[said]
    return found


def reference(backward: Backward, upstream: str) -> Values:
    """The right values of what was observed, if the pass is given the gradient of one tensor."""
    observed, model = backward.observed, backward.machine.model
    assert observed is not None
    derivation = model.spec.derivation
    if upstream != model.output:
        derivation = with_upstream(derivation, upstream)
    given = {name: observed.data[name] for name in model.spec.program.inputs}
    given[f"d{upstream}"] = observed.data[f"d{model.output}"]
    return Values(derivation, model.sizes(observed.sizes), given)


def rightness(backward: Backward, upstream: str) -> int:
    """How many of the gradients are right if the pass is given the gradient of one tensor."""
    assert backward.observed is not None
    values = reference(backward, upstream)
    count = 0
    for name, shown in backward.shown.items():
        if name == f"d{upstream}":
            continue
        expected = values[name]
        array = numbers(shown.value)
        if array is not None and expected.ndim == 1 and array.size == expected.size:
            array = array.reshape(expected.shape)
        # A layer may divide by the number of samples; that is asked elsewhere.
        mean = expected / backward.observed.sizes.n
        count += same(array, expected) or same(array, mean)
    return count
