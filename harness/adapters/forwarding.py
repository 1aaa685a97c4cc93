"""Finding out what a forward pass computes, by running it and comparing.

A trial is one way to run it: a layout, a construction, places for the parameters. Its result is
compared with each activation; at sizes that differ and data that spread, one of them fits.
"""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.adapters import roles
from backproof.adapters.machine import FORWARD, LAYER, Halt, Machine, Where
from backproof.adapters.model import LINEAR, Model, Sizes, probe_data
from backproof.adapters.numeric import Values, function_value, softmax_value
from backproof.adapters.places import Place, walk
from backproof.adapters.wishes import Wishes
from backproof.spec.mistakes import WrongForm, planted, wrong_forms

Data = Mapping[str, NDArray[np.float64]]

# Activations differ from each other at order 1, and tanh's approximation of gelu from gelu at
# order 1e-4; a layer that computes in single precision is off by order 1e-7.
_SAME = 1e-5


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that a layer shows, and where."""

    where: Where
    value: Any


@dataclass(frozen=True, slots=True)
class Trial:
    """A forward pass that ran.

    Attributes:
        machine: how; its model is the linear part alone.
        sizes: at which sizes.
        data: on what.
        leaves: what it showed.
    """

    machine: Machine
    sizes: Sizes
    data: Data
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """What a forward pass computes.

    Attributes:
        machine: with the full model and the outputs found.
        activation: the name of the activation; that of the spec, if one was given.
        mistake: in which way the forward pass is wrong; empty if it is right.
        trusted: nothing reproduced it, and the user's settings were taken as they are.
    """

    machine: Machine
    activation: str
    mistake: str = ""
    trusted: bool = False


def leaves_of(root: str, value: Any) -> Iterator[Leaf]:
    """A value, and every value that it holds, with their places."""
    yield Leaf(Where(root, Place()), value)
    if isinstance(value, (tuple, list, dict)) or hasattr(value, "__dict__"):
        for place, inner in walk(value):
            yield Leaf(Where(root, place), inner)


def try_forward(machine: Machine, sizes: Sizes) -> Trial:
    """Run a forward pass on a fresh layer.

    Raises:
        Halt: the layer's own code raised.
    """
    data = probe_data(machine.model, sizes)
    given = {name: array.copy() for name, array in data.items()}
    layer = machine.start(sizes, given)
    machine.put(layer, given)
    roots = machine.run_forward(layer, sizes, given)
    returned = list(leaves_of(FORWARD, roots[FORWARD]))
    stored = [] if layer is None else [Leaf(Where(LAYER, p), v) for p, v in walk(layer)]
    frozen = (Leaf(leaf.where, _frozen(leaf.value)) for leaf in (*returned, *stored))
    return Trial(machine, sizes, data, tuple(frozen))


def _frozen(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def difference(value: Any, expected: NDArray[Any]) -> float:
    """The largest difference, relative to the largest entry; infinite for other shapes."""
    array = numbers(value)
    if array is None or array.shape != expected.shape or not array.size:
        return float("inf")
    scale = float(np.max(np.abs(expected)))
    gap = float(np.max(np.abs(array - expected)))
    if not np.isfinite(gap):
        return float("inf")
    return gap / scale if scale > 0 else gap


def same(value: Any, expected: NDArray[Any]) -> bool:
    """Whether a value is the expected one, up to rounding in its own format."""
    unit = 0.0
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        unit = float(np.finfo(value.dtype).eps)
    return difference(value, expected) <= max(_SAME, 64 * unit)


def numbers(value: Any) -> NDArray[np.float64] | None:
    """A value as an array of real numbers; None if it is none."""
    if value is None or isinstance(value, (str, bytes, dict, bool)):
        return None
    if isinstance(value, (list, tuple)) and not value:
        return None
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return None
    if array.dtype.kind not in "fiu":
        return None
    return np.asarray(array, dtype=np.float64)


# ---------------------------------------------------------------- right forward passes


def right_fit(trial: Trial, wishes: Wishes) -> Fit | None:
    """The activation that reproduces a trial, with where Z and A are shown; None if none does."""
    model = trial.machine.model
    if wishes.spec is not None:
        values = Values(model.spec.derivation, model.sizes(trial.sizes), trial.data)
        expected = {name: values[name] for name in model.spec.program.defined}
        return _fit(trial, model, expected, wishes.spec.activation)
    Z = Values(model.spec.derivation, model.sizes(trial.sizes), trial.data)["Z"]
    fits = []
    for activation in wishes.activations:
        full = wishes.full_model(model, activation)
        expected = {"Z": Z, "A": activated(full, activation, Z)}
        fit = _fit(trial, full, expected, activation)
        if fit is not None:
            fits.append(fit)
    return min(fits, key=_plausibility, default=None)


def _plausibility(fit: Fit) -> tuple[int, bool]:
    """What is returned is the output, however much is stored beside it.

    A layer that shows Z as openly as A fits the linear one as well, but only by the way.
    """
    where = fit.machine.outputs[fit.machine.model.output]
    depth = 2 if where.root != FORWARD else int(len(where.place.steps) > 1)
    return depth, fit.activation == LINEAR


def activated(model: Model, activation: str, Z: NDArray[np.float64]) -> NDArray[np.float64]:
    """g(Z), for softmax along the outputs."""
    if activation == "softmax":
        axes = model.spec.program.tensors["Z"].axes
        return softmax_value(Z, axes.index(model.axes[roles.OUTPUTS]))
    return function_value(activation, 0, Z)


def _fit(trial: Trial, model: Model, expected: Data, activation: str) -> Fit | None:
    output = _find(trial.leaves, model.output, expected[model.output])
    if output is None:
        return None
    outputs = {model.output: output}
    for name in model.spec.program.defined:
        if name not in outputs and name in expected:
            found = _find(trial.leaves, name, expected[name])
            if found is not None:
                outputs[name] = found
    return Fit(replace(trial.machine, model=model, outputs=outputs), activation)


def _find(leaves: Iterable[Leaf], name: str, expected: NDArray[Any]) -> Where | None:
    fitting = [leaf.where for leaf in leaves if same(leaf.value, expected)]
    return min(fitting, key=lambda where: _openness(where, name), default=None)


def _openness(where: Where, name: str) -> tuple[bool, int, int]:
    """What is returned comes first, then what is stored under the most usual name."""
    stored = where.root != FORWARD
    return stored, len(where.place.steps), roles.preference(where.place.name, name)


# ---------------------------------------------------------------- wrong forward passes


def wrong_fit(trial: Trial, wishes: Wishes) -> Fit | None:
    """The nearest layer of which a trial is a wrong form; None if it is none that is known."""
    found: list[tuple[int, Fit]] = []
    for activation in wishes.activations:
        full = wishes.full_model(trial.machine.model, activation)
        for weight, sentence, value in _wrong_outputs(full, trial, activation):
            where = _find(trial.leaves, full.output, value)
            if where is not None:
                machine = replace(trial.machine, model=full, outputs={full.output: where})
                found.append((weight, Fit(machine, activation, sentence)))
    return min(found, key=lambda pair: pair[0], default=(0, None))[1]


def _wrong_outputs(
    model: Model, trial: Trial, activation: str
) -> Iterator[tuple[int, str, NDArray[np.float64]]]:
    derivation = model.spec.derivation
    sizes = model.sizes(trial.sizes)
    for name in model.spec.program.defined:
        for form in wrong_forms(derivation, name):
            if all(sizes[a] == sizes[b] for a, b in form.needs):
                value = _planted_output(model, form, sizes, trial.data)
                if value is not None:
                    yield form.mistake.weight, f"{name}: {form.mistake.sentence}", value
    if sizes[model.axes[roles.INPUTS]] == sizes[model.axes[roles.OUTPUTS]] and "W" in trial.data:
        # With a bias beside it the catalogue has no transposed product, since it fits no shape.
        turned = {**trial.data, "W": trial.data["W"].T}
        value = Values(derivation, sizes, turned)[model.output]
        yield 1, "Z: W is transposed that should not be, or the reverse", value


def _planted_output(
    model: Model, form: WrongForm, sizes: Mapping[str, int], data: Data
) -> NDArray[np.float64] | None:
    try:
        return Values(planted(model.spec.derivation, form), sizes, data)[model.output]
    except (ValueError, KeyError, IndexError):
        # The wrong form has no value at these sizes.
        return None


# ---------------------------------------------------------------- neither


def trusted_fit(trial: Trial, wishes: Wishes) -> Fit | None:
    """A trial taken as the user described it; None if it shows nothing like an output."""
    if wishes.spec is not None:
        full, activation = trial.machine.model, wishes.spec.activation
    else:
        activation = str(wishes.activation)
        full = wishes.full_model(trial.machine.model, activation)
    shape = full.shape(full.output, trial.sizes)
    inputs = [trial.data[name] for name in full.spec.program.inputs]
    fitting = [
        leaf.where
        for leaf in trial.leaves
        if (array := numbers(leaf.value)) is not None
        and array.shape == shape
        and not any(same(array, given) for given in inputs)
    ]
    returned = [leaf.where for leaf in trial.leaves if leaf.where.root == FORWARD]
    where = min(fitting or returned[:1], key=lambda w: _openness(w, full.output), default=None)
    if where is None:
        return None
    machine = replace(trial.machine, model=full, outputs={full.output: where})
    return Fit(machine, activation, trusted=True)


def nearest(trial: Trial, wishes: Wishes) -> tuple[float, str]:
    """How far the nearest activation is, and its name; for a message."""
    model = trial.machine.model
    if wishes.spec is not None:
        return float("inf"), ""
    Z = Values(model.spec.derivation, model.sizes(trial.sizes), trial.data)["Z"]
    gaps = []
    for activation in wishes.activations:
        expected = activated(model, activation, Z)
        gaps += [(difference(leaf.value, expected), activation) for leaf in trial.leaves]
    return min(gaps, default=(float("inf"), ""))


# ---------------------------------------------------------------- the search


class Search:
    """The trials of a subject, and what came of them.

    Attributes:
        halts: what raised, with how it was run.
        trials: what ran.
    """

    def __init__(self, wishes: Wishes) -> None:
        self.wishes = wishes
        self.halts: list[tuple[Machine, Sizes, Halt]] = []
        self.trials: list[Trial] = []

    def first_right(self, machines: Iterable[Machine], sizes: Sizes) -> Iterator[Fit]:
        """The machines whose forward pass is reproduced, in their order."""
        for machine in machines:
            try:
                trial = try_forward(machine, sizes)
            except Halt as halt:
                self.halts.append((machine, sizes, halt))
                continue
            self.trials.append(trial)
            fit = right_fit(trial, self.wishes)
            if fit is not None:
                yield fit

    def best_of_the_rest(self) -> Fit | None:
        """The nearest wrong form of any trial; else what the user described."""
        for trial in self.trials:
            fit = wrong_fit(trial, self.wishes)
            if fit is not None:
                return fit
        if self.wishes.settles_the_spec:
            fits = (trusted_fit(trial, self.wishes) for trial in self.trials)
            found = next((fit for fit in fits if fit is not None), None)
            if found is not None:
                return found
        return self._that_raises()

    def _that_raises(self) -> Fit | None:
        """A layer that raises what no way of calling it could help: that is a result, too."""
        halts = [(machine, halt) for machine, _, halt in self.halts if halt.stage == "forward"]
        halts = [(machine, halt) for machine, halt in halts if nothing_helps(halt.error)]
        if self.trials or not halts:
            return None
        machine, halt = halts[0]
        activation = self.wishes.activation or LINEAR
        model = self.wishes.full_model(machine.model, activation)
        where = Where(FORWARD, Place())
        machine = replace(machine, model=model, outputs={model.output: where})
        said = f"it raises {type(halt.error).__name__}: {halt.error}"
        return Fit(machine, activation, said)


def nothing_helps(error: BaseException) -> bool:
    """Whether an error is a name that its own file nowhere defines.

    Any other may be for lack of the right call, or of a step before it.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, NameError):
        return True
    if not isinstance(error, AttributeError) or not error.name or not frames:
        return False
    text = "".join(linecache.getlines(frames[-1].filename))
    set_somewhere = re.search(rf"\b{re.escape(error.name)}\b\s*(=[^=]|:|,|\()", text)
    own = type(error.obj).__module__ not in ("builtins", "numpy")
    return bool(text) and own and set_somewhere is None
