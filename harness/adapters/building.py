"""From what was found out about a layer to the subject that it is."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.adapters import roles
from backproof.adapters.arguments import is_required, parameters_of
from backproof.adapters.assigning import wanted
from backproof.adapters.facts import assumptions_of, facts_of
from backproof.adapters.forwarding import numbers, same
from backproof.adapters.gradients import (
    Backward,
    find_gradients,
    is_right,
    reference,
    rightness,
)
from backproof.adapters.machine import BACKWARD, LAYER, Halt, Machine, Where
from backproof.adapters.model import PROBES, probe_data
from backproof.adapters.naming import (
    Layer,
    finished_by,
    is_left_behind,
    lines_of,
    missing_of,
    names_of,
)
from backproof.adapters.observing import observe
from backproof.adapters.places import Place, walk
from backproof.adapters.reading import unread_gradients
from backproof.adapters.session import MachineSession
from backproof.adapters.wishes import Wishes
from backproof.arrays import as_real, plain
from backproof.errors import NotInferredError
from backproof.subjects import Subject, SubjectError


def build_subject(layer: Layer, wishes: Wishes) -> Subject:
    """Find out what the backward pass shows, and put the subject together.

    Raises:
        UsageError: a mapping names nothing.
        NotInferredError: the backward pass takes labels, or shows no gradient, or two for one.
    """
    _check_argument(layer, wishes)
    machine = replace(layer.fit.machine, backward=layer.backward, files=layer.files)
    try:
        backward = find_gradients(machine, layer.backward_texts, wishes.mapping)
    except NotInferredError as error:
        said = f"{layer.loaded.label}: {error.message}"
        raise NotInferredError(said, help=error.help) from None
    machine = backward.machine
    if backward.observed is None:
        # It never runs: what it would show is read from its text.
        machine = replace(machine, gradients=unread_gradients(machine, layer.backward_texts))
    machine = _without_the_forgotten(layer, backward, machine)
    machine = _with_unreadable_return(machine)
    upstream = _upstream(layer, backward, wishes)
    machine = _with_intermediates(machine, backward, upstream)
    machine = _with_updates(machine, backward, upstream)
    machine = _with_sums(machine, upstream)
    machine = replace(machine, finished=finished_by(layer, machine))
    provides = _provided(machine)
    if backward.halt is None and not any(name.startswith("d") for name in provides):
        raise NotInferredError(
            f"{layer.loaded.label}: the backward pass shows no gradient",
            help="say where they are, such as --map dW=self.dw, or mark a function with "
            "@bp.subject",
        )
    names = names_of(layer, machine, upstream)
    missing = missing_of(layer, machine, provides, upstream)
    return Subject(
        label=layer.loaded.label,
        spec=machine.model.spec,
        upstream=upstream,
        provides=provides,
        open=lambda: MachineSession(machine, f"d{upstream}"),
        names=names,
        lines=lines_of(layer, machine),
        facts=facts_of(layer, backward, machine, upstream, names, missing),
        file=layer.loaded.file,
        assumes=(*assumptions_of(machine), *_handed_over(layer, machine, upstream, wishes)),
        missing=missing,
        inferred=not wishes.settles_the_spec,
    )


def _without_the_forgotten(layer: Layer, backward: Backward, machine: Machine) -> Machine:
    """Without the places that stay empty because their gradient is left under a local name."""
    empty = [n for n, s in backward.shown.items() if s.value is None and s.where.root == LAYER]
    lost = [name for name in empty if is_left_behind(name, layer)]
    kept = {name: where for name, where in machine.gradients.items() if name not in lost}
    return replace(machine, gradients=kept)


def _with_unreadable_return(machine: Machine) -> Machine:
    """With what the backward pass returns for the data's gradient, where that is no numbers.

    So that it is judged, and said to be a generator or complex, and not taken for missing.
    """
    name = f"d{machine.model.data}"
    if name in machine.gradients or any(w.root == BACKWARD for w in machine.gradients.values()):
        return machine
    for sizes in PROBES:
        data = probe_data(machine.model, sizes)
        try:
            layer = machine.start(sizes, data)
            machine.put(layer, data)
            roots = machine.run_forward(layer, sizes, data)
            machine.run_backward(roots, sizes, data, data[f"d{machine.model.output}"])
        except Halt:
            continue
        value = plain(roots.get(BACKWARD))
        parts = value.values() if isinstance(value, dict) else value
        holds = isinstance(value, (list, tuple, dict)) and any(
            as_real(p) is not None for p in parts
        )
        if value is None or value is layer or holds or as_real(value) is not None:
            return machine
        gradients = {**machine.gradients, name: Where(BACKWARD, Place(()))}
        return replace(machine, gradients=gradients)
    return machine


def _check_argument(layer: Layer, wishes: Wishes) -> None:
    """Refuse to pass a gradient for what its name says are labels."""
    name = layer.argument
    if roles.is_label(name) and name not in wishes.mapping.values():
        raise NotInferredError(
            f"{layer.loaded.label}: the backward pass takes labels ({name}), not a gradient",
            help="give a spec with the loss: mark a function of named arrays with "
            f"@bp.subject(spec=...); or, if {name} is a gradient, --map dA={name}",
        )


def _provided(machine: Machine) -> tuple[str, ...]:
    order = (*machine.model.spec.program.defined, *wanted(machine.model))
    shown = {*machine.outputs, *machine.gradients, *(f"d{p}" for p in machine.updates)}
    return tuple(name for name in order if name in shown)


# ---------------------------------------------------------------- which gradient it is given


def _upstream(layer: Layer, backward: Backward, wishes: Wishes) -> str:
    """The tensor whose gradient the backward pass is given: the output's, if in doubt."""
    model = backward.machine.model
    program = model.spec.program
    axes = program.tensors[model.output].axes
    others = [t for t in program.defined if t != model.output and program.tensors[t].axes == axes]
    for tensor in (model.output, *others):
        if wishes.mapping.get(f"d{tensor}") == layer.argument:
            return tensor
    if backward.observed is None or rightness(backward, model.output):
        return model.output
    for tensor in others:
        # Without the activation's derivative every layer looks as if it was given dZ: the name
        # of the argument has to say so, too. Softmax is joined with its loss as a rule.
        named = roles.gradient_role(layer.argument) == f"d{tensor}"
        says_so = named or layer.argument.startswith("delta")
        neutral = roles.gradient_role(layer.argument) is None
        joined = neutral and layer.fit.activation == "softmax"
        # Nobody asked for the activation of a layer that does without: where all is right for
        # dZ, its derivative is somebody else's work.
        whole = rightness(backward, tensor) == len(backward.shown) > 0
        joined = joined or (neutral and whole and _is_optional(layer))
        if (says_so or joined) and rightness(backward, tensor):
            return tensor
    return model.output


def _handed_over(layer: Layer, machine: Machine, upstream: str, wishes: Wishes) -> list[str]:
    """What its caller has to do, where a layer may be given the gradient before its activation.

    A layer that forgets its activation's derivative looks the same: only a name that is of
    nothing else, or the user, says that it is meant.
    """
    output = machine.model.output
    named = roles.gradient_role(layer.argument) == f"d{upstream}"
    told = wishes.mapping.get(f"d{upstream}") == layer.argument
    if upstream == output or named or told:
        return []
    activation = layer.fit.activation
    return [f"its caller passes d{upstream} as {layer.argument}, with {activation}' multiplied in"]


def _is_optional(layer: Layer) -> bool:
    """Whether a layer is given an activation that it does not ask for."""
    settings = layer.fit.machine.settings
    required = [
        p for p in parameters_of(layer.loaded.object) if roles.word_role(p.name) == roles.ACTIVATION
    ]
    return roles.ACTIVATION in settings and not any(is_required(p) for p in required)


# ---------------------------------------------------------------- what shows in other ways


def _with_intermediates(machine: Machine, backward: Backward, upstream: str) -> Machine:
    """Without the gradient that is given, and with a dZ that is stored under any name."""
    gradients = {k: w for k, w in machine.gradients.items() if k != f"d{upstream}"}
    observed = backward.observed
    if observed is not None and upstream == machine.model.output:
        program = machine.model.spec.program
        taken = list(gradients.values())
        values = reference(backward, upstream)
        for tensor in program.defined:
            name = f"d{tensor}"
            if tensor == upstream or name in gradients:
                continue
            for shown in observed.shown:
                fitting = shown.where.root == LAYER and shown.changed
                if fitting and shown.where not in taken and same(shown.value, values[name]):
                    gradients[name] = shown.where
                    break
    return replace(machine, gradients=gradients)


def _with_updates(machine: Machine, backward: Backward, upstream: str) -> Machine:
    """With the parameters whose gradient shows only in the step that is taken with it."""
    observed = backward.observed
    if observed is None:
        return machine
    hidden = tuple(
        name for name in observed.updated if _is_hidden(name, machine, backward, upstream)
    )
    if not hidden:
        return machine
    expected = {n: reference(backward, upstream)[f"d{n}"] for n in hidden}
    if any(call.parameter_of(roles.RATE) for call in machine.backward):
        expected = {n: observed.steps[n] for n in hidden}
    elif (place := _rate_place(machine)) is not None:
        # A rate of the layer's own, which can be set, is as good as one that is passed.
        rated = replace(machine, rate_place=place)
        with contextlib.suppress(Halt):
            again = observe(rated, observed.sizes, [None] * len(machine.backward))
            machine, expected = rated, {n: again.steps[n] for n in hidden}
    readable: list[str] = []
    afresh = False
    for each_afresh in (False, True):
        trial = replace(machine, updates=hidden, steps_afresh=each_afresh)
        found, doubled = (_results(trial, upstream, (1,), times) for times in (1.0, 2.0))
        if found is None or doubled is None or len(readable) == len(hidden):
            continue
        # A backward pass that computes Z anew from the weights does not bear their being zero,
        # and a rate of the layer's own making scales the step by a number that nobody knows.
        steps = {name: numbers(found[-1].get(f"d{name}")) for name in hidden}
        these = [
            name
            for name, step in steps.items()
            if step is not None
            and _agrees(step, expected[name])
            and _follows(doubled[-1].get(f"d{name}"), step)
        ]
        if len(these) > len(readable):
            readable, afresh = these, each_afresh
    machine = replace(machine, steps_afresh=afresh)
    gradients = {k: w for k, w in machine.gradients.items() if k[1:] not in readable}
    return replace(machine, gradients=gradients, updates=tuple(readable))


def _follows(value: Any, step: Any) -> bool:
    """Whether a step follows the upstream gradient: that of Adam, or a clipped one, does not.

    Where the upstream gradient enters twice, which is a mistake, it does so with its square.
    """
    doubled = numbers(value)
    return doubled is not None and (same(doubled, 2 * step) or same(doubled, 4 * step))


def _rate_place(machine: Machine) -> Place | None:
    """Where a layer, or its optimizer, keeps a learning rate."""
    data = probe_data(machine.model, PROBES[0])
    try:
        layer = machine.start(PROBES[0], data)
    except Halt:
        return None
    for place, value in walk(layer):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number and roles.word_role(place.name) == roles.RATE:
            return place
    return None


def _is_hidden(name: str, machine: Machine, backward: Backward, upstream: str) -> bool:
    """Whether a parameter's gradient is shown nowhere, or what is stored is but a scaled step."""
    where = machine.gradients.get(f"d{name}")
    if where is None:
        return True
    observed, shown = backward.observed, backward.shown.get(f"d{name}")
    if observed is None or shown is None or where.root != LAYER:
        return False
    right = is_right(backward, upstream, f"d{name}", shown.value)
    return not right and is_right(backward, upstream, f"d{name}", observed.steps[name])


def _agrees(step: Any, expected: Any) -> bool:
    expected = np.asarray(expected)
    if step.size == expected.size:
        step = step.reshape(expected.shape)
    return same(step, expected)


def _with_sums(machine: Machine, upstream: str) -> Machine:
    """With the places whose values add up from one backward pass to the next."""
    stored: Mapping[str, Where] = {
        name: where for name, where in machine.gradients.items() if where.root == LAYER
    }
    if not stored:
        return machine
    again = _results(machine, upstream, (1, 2))
    first, second = _results(machine, upstream, (1,)), _results(machine, upstream, (2,))
    if again is None or first is None or second is None:
        return machine
    sums = []
    for name, where in stored.items():
        one, two = numbers(first[0].get(name)), numbers(second[0].get(name))
        both = again[1].get(name)
        if one is None or two is None or one.shape != two.shape:
            continue
        if same(both, one + two) and not same(both, two):
            sums.append(where.place)
    return replace(machine, sums=tuple(sums))


def _results(
    machine: Machine, upstream: str, seeds: tuple[int, ...], times: float = 1.0
) -> list[dict[str, Any]] | None:
    """What one session gives for several data in turn; None if it raises at all sizes.

    Args:
        machine: how the layer is run.
        upstream: the tensor whose gradient it is given.
        seeds: of the data.
        times: by what the upstream gradient is multiplied.
    """
    for sizes in PROBES:
        session = MachineSession(machine, f"d{upstream}")
        found = []
        try:
            for seed in seeds:
                data = probe_data(machine.model, sizes, seed)
                given = {name: data[name] for name in machine.model.spec.program.inputs}
                arriving = times * data[f"d{machine.model.output}"]
                results = session.run({**given, f"d{upstream}": arriving})
                found.append({name: _copied(value) for name, value in results.items()})
        except SubjectError:
            continue
        return found
    return None


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value
