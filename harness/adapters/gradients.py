"""Finding out what a backward pass shows, by running it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from backproof.adapters.assigning import assign, readiness, wanted
from backproof.adapters.forwarding import Fit, numbers, same
from backproof.adapters.machine import (
    LAYER,
    Halt,
    Machine,
)
from backproof.adapters.model import PROBES, Sizes
from backproof.adapters.numeric import Values
from backproof.adapters.observing import Observed, Shown, observe
from backproof.adapters.offers import is_stand_in
from backproof.adapters.places import read_place
from backproof.adapters.source import Definition
from backproof.errors import UsageError
from backproof.spec.deriving.derive import with_upstream
from backproof.spec.errors import near

# A layer whose backward pass runs in none of so many ways is wrong.
_MOST_FITS = 24


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
    arguments = {a.parameter for call in machine.backward for a in call.arguments}
    for name in wanted(machine.model):
        if name in mapping and mapping[name] not in arguments:
            said = mapping[name]
            place = read_place(said)
            if said not in called and place is not None:
                # A key may be written in either kind of quotes.
                said = place.show("self")
            if said not in called:
                said = mapping[name]
                names = near(said, called) or sorted(called)
                raise UsageError(
                    f"'{name}={said}' maps {name} to something that the layer does not show",
                    f"known are {', '.join(names)}",
                )
            found[name] = called[said]
    return found


def first_that_runs_backward(
    fits: Iterable[Fit], backwards: Callable[[Machine], Iterable[Machine]]
) -> tuple[Fit | None, Sizes | None]:
    """The first fit whose backward pass runs at some sizes, and at which; else one that does not.

    That the forward pass is reproduced does not show that its parameters are where the backward
    pass reads them: a bias that is set as a vector may have to be a row. Nor does it show that an
    activation of our own making has what the backward pass asks of it: of several that do not
    run, one without it is taken.

    Args:
        fits: in their order.
        backwards: a machine with each way to call its backward pass.
    """
    first: Fit | None = None
    for fit in islice(fits, _MOST_FITS):
        if first is None or (is_stand_in(first.machine.settings) and not fit.machine.settings):
            first = fit
        for machine in backwards(fit.machine):
            for sizes in PROBES:
                with contextlib.suppress(Halt):
                    observe(machine, sizes, [None] * len(machine.backward))
                    return replace(fit, machine=machine), sizes
    return first, None


def has_shapes(machine: Machine, texts: Sequence[Definition | None]) -> bool:
    """Whether what a backward pass shows has the shapes that gradients have.

    Raises:
        Halt: it does not run at sizes that differ.
    """
    model = machine.model
    observed = observe(machine, PROBES[0], texts)
    shown = assign(machine, observed, texts, {})
    if not shown and not observed.updated:
        return False
    names = [name for name in ("dW", f"d{model.data}") if name in shown]
    return all(
        np.shape(shown[name].value) == model.shape(name[1:], observed.sizes) for name in names
    )


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
    return sum(
        is_right(backward, upstream, name, shown.value)
        for name, shown in backward.shown.items()
        if name != f"d{upstream}"
    )


def is_right(backward: Backward, upstream: str, name: str, value: Any) -> bool:
    """Whether a value is the gradient of what was observed, or that divided by the samples.

    A layer may mean the mean over the samples; that is asked elsewhere.
    """
    assert backward.observed is not None
    expected = reference(backward, upstream)[name]
    array = numbers(value)
    if array is not None and expected.ndim == 1 and array.size == expected.size:
        array = array.reshape(expected.shape)
    return same(array, expected) or same(array, expected / backward.observed.sizes.n)
