"""Finding out what a forward pass computes, by running it and comparing.

A trial is one way to run it: a layout, a construction, places for the parameters. Its result is
compared with each activation; at sizes that differ and data that spread, one of them fits.
"""

from __future__ import annotations

import ast
import linecache
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.adapters import roles
from backproof.adapters.machine import FORWARD, LAYER, Halt, Machine, Where, shaped
from backproof.adapters.model import LINEAR, SLOPED, Model, Sizes, probe_data
from backproof.adapters.numeric import Values
from backproof.adapters.places import Place, walk
from backproof.adapters.standing_in import StandIn
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
        gain: the number by which the output is multiplied, where that is the mistake.
    """

    machine: Machine
    activation: str
    mistake: str = ""
    trusted: bool = False
    gain: float = 1.0


def leaves_of(root: str, value: Any) -> Iterator[Leaf]:
    """A value, and every value that it holds, with their places."""
    yield Leaf(Where(root, Place()), value)
    if not isinstance(value, np.ndarray) and (
        isinstance(value, (tuple, list, dict)) or hasattr(value, "__dict__")
    ):
        for place, inner in walk(value):
            yield Leaf(Where(root, place), inner)


def try_forward(machine: Machine, sizes: Sizes, data: Data | None = None) -> Trial:
    """Run a forward pass on a fresh layer.

    Args:
        machine: how.
        sizes: at which sizes.
        data: on what; the first probe if None.

    Raises:
        Halt: the layer's own code raised.
    """
    if data is None:
        data = probe_data(machine.model, sizes)
    given = {name: array.copy() for name, array in data.items()}
    layer = machine.start(sizes, given)
    machine.put(layer, given)
    roots = machine.run_forward(layer, sizes, given)
    returned = list(leaves_of(FORWARD, roots[FORWARD]))
    stored = [] if layer is None else [Leaf(Where(LAYER, p), v) for p, v in walk(layer)]
    leaves = (*returned, *stored)
    frozen = (Leaf(leaf.where, _frozen(machine.as_stated(leaf.value))) for leaf in leaves)
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
    if value is None or isinstance(value, (str, bytes, dict, bool, np.ma.MaskedArray)):
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
    """The activation that reproduces a trial, with where Z and A are shown; None if none does.

    What is returned is the output; what is stored beside it may be an intermediate only.
    """
    model = trial.machine.model
    fits = []
    for activation in wishes.activations:
        if activation == LINEAR and "W" not in model.parameters and wishes.spec is None:
            # What returns its data is no layer: a dropout that is switched off does, too.
            continue
        full = wishes.full_model(model, activation)
        values = Values(full.spec.derivation, full.sizes(trial.sizes), trial.data)
        expected = {name: values[name] for name in full.spec.program.defined}
        fit = _fit(trial, full, expected, activation)
        if fit is not None:
            fits.append(fit)
    if not fits and wishes.spec is None and wishes.activation is None:
        fits += _sloped(trial, wishes)
    return min(fits, key=_plausibility, default=None)


def _sloped(trial: Trial, wishes: Wishes) -> Iterator[Fit]:
    """A leaky relu whose slope below zero is a number of its author's choice."""
    model = trial.machine.model
    full = wishes.full_model(model, "leaky_relu")
    values = Values(full.spec.derivation, full.sizes(trial.sizes), trial.data)
    Z = values[full.spec.program.defined[0]] if "W" in model.parameters else trial.data[model.data]
    below = Z < 0
    for leaf in output_leaves(trial, full):
        array = numbers(leaf.value)
        if array is None or array.shape != Z.shape or not below.any():
            continue
        slope = float(np.median(array[below] / Z[below]))
        if not 0 < slope < 1 or not same(leaf.value, np.where(below, slope * Z, Z)):
            continue
        written = Fraction(slope).limit_denominator(1000)
        if abs(float(written) - slope) > _SAME * slope:
            continue
        activation = f"{SLOPED}{written}"
        sloped = wishes.full_model(model, activation)
        own = Values(sloped.spec.derivation, sloped.sizes(trial.sizes), trial.data)
        expected = {name: own[name] for name in sloped.spec.program.defined}
        fit = _fit(trial, sloped, expected, activation)
        if fit is not None:
            yield fit
            return


def _plausibility(fit: Fit) -> tuple[int, bool]:
    """What is returned is the output, however much is stored beside it.

    A layer that shows Z as openly as A fits the linear one as well, but only by the way.
    """
    where = fit.machine.outputs[fit.machine.model.output]
    depth = 2 if where.root != FORWARD else int(len(where.place.steps) > 1)
    return depth, fit.activation == LINEAR


def output_leaves(trial: Trial, model: Model) -> tuple[Leaf, ...]:
    """What may be the output: what is returned, if that is an array of numbers or holds one.

    Where the forward pass returns nothing of the kind, the output is among what it stores.
    """
    shape = model.shape(model.output, trial.sizes)
    returned = [leaf for leaf in trial.leaves if leaf.where.root == FORWARD]
    whole = [leaf for leaf in returned if not leaf.where.place.steps and _is_array(leaf.value)]
    if whole:
        return tuple(whole)
    shaped = [leaf for leaf in returned if _shape_of(leaf.value) == shape]
    if shaped:
        depth = min(len(leaf.where.place.steps) for leaf in shaped)
        return tuple(leaf for leaf in shaped if len(leaf.where.place.steps) == depth)
    return tuple(leaf for leaf in trial.leaves if leaf.where.root != FORWARD)


def _shape_of(value: Any) -> tuple[int, ...] | None:
    array = numbers(value)
    return None if array is None else array.shape


def _is_array(value: Any) -> bool:
    if isinstance(value, (tuple, dict)):
        return False
    if isinstance(value, list) and any(isinstance(item, np.ndarray) for item in value):
        return False
    array = numbers(value)
    return array is not None and array.ndim > 0


def _fit(trial: Trial, model: Model, expected: Data, activation: str) -> Fit | None:
    candidates = output_leaves(trial, model)
    output = _find(candidates, model.output, expected[model.output])
    if output is None or not _explains(candidates, output, model, expected, trial.data):
        return None
    outputs = {model.output: output}
    others = [leaf for leaf in trial.leaves if leaf.where != output]
    for name in model.spec.program.defined:
        if name not in outputs and name in expected:
            found = _find(others, name, expected[name])
            if found is not None:
                outputs[name] = found
    return Fit(replace(trial.machine, model=model, outputs=outputs), activation)


def _explains(
    candidates: tuple[Leaf, ...], output: Where, model: Model, expected: Data, data: Data
) -> bool:
    """Whether what is returned before an output is what leads to it.

    A linear layer has nothing else to return in the output's shape: what comes after its Z is the
    output of a layer that goes on.
    """
    if output.root != FORWARD:
        return True
    places = [leaf.where for leaf in candidates]
    defined = model.spec.program.defined
    rest = candidates if len(defined) == 1 else candidates[: places.index(output)]
    known = [expected[name] for name in defined if name in expected]
    # A pair may hand the data themselves on to its backward half.
    known += data.values()
    return all(any(same(leaf.value, value) for value in known) for leaf in rest)


def _find(leaves: Iterable[Leaf], name: str, expected: NDArray[Any]) -> Where | None:
    fitting = [leaf.where for leaf in leaves if same(leaf.value, expected)]
    return min(fitting, key=lambda where: _openness(where, name), default=None)


def _openness(where: Where, name: str) -> tuple[bool, int, int]:
    """What is returned comes first, then what is stored under the most usual name."""
    stored = where.root != FORWARD
    return stored, len(where.place.steps), roles.preference(where.place.name, name)


# ---------------------------------------------------------------- further data

# Few numbers may all be on one side of a kink, and none where a function is cut off.
_FURTHER_SEEDS = (11, 12, 13)
_WIDE = 50.0


def holds_further(fit: Fit, trial: Trial, wishes: Wishes) -> bool:
    """Whether a fit holds on further data, too: several seeds, and Z up to 50 of either sign.

    What overflows or raises there says nothing about which activation is meant.
    """
    if wishes.spec_is_known or wishes.activation is not None:
        return True
    full, where = fit.machine.model, fit.machine.outputs[fit.machine.model.output]
    for data in _further_data(full, trial.sizes):
        try:
            again = try_forward(fit.machine, trial.sizes, data)
        except Halt:
            continue
        value = next((leaf.value for leaf in again.leaves if leaf.where == where), None)
        if not any(_agrees(value, expected) for expected in _meant(fit, replace(again, data=data))):
            return False
    return True


def _further_data(model: Model, sizes: Sizes) -> Iterator[dict[str, NDArray[np.float64]]]:
    """Probes of other seeds; then each of them, and its negative, scaled so that Z is wide."""
    for seed in _FURTHER_SEEDS:
        data = probe_data(model, sizes, seed)
        yield data
        first = model.spec.program.defined[0]
        Z = Values(model.spec.derivation, model.sizes(sizes), data)[first]
        largest = float(np.max(np.abs(Z), initial=0.0))
        if largest > 0:
            # Z is linear in the data and the bias together.
            scaled = [name for name in model.spec.program.inputs if name in (model.data, "b")]
            for scale in (_WIDE / largest, -_WIDE / largest):
                yield data | {name: data[name] * scale for name in scaled}


def _meant(fit: Fit, trial: Trial) -> Iterator[NDArray[np.float64]]:
    """What a fit says that the output is: a right one, or any wrong form of its sentence."""
    model = fit.machine.model
    if not fit.mistake:
        values = Values(model.spec.derivation, model.sizes(trial.sizes), trial.data)
        yield values[model.output]
        return
    if fit.gain != 1.0:
        values = Values(model.spec.derivation, model.sizes(trial.sizes), trial.data)
        yield fit.gain * values[model.output]
        return
    for _, sentence, value in _wrong_outputs(model, trial, fit.activation):
        if sentence == fit.mistake:
            yield value


def _agrees(value: Any, expected: NDArray[np.float64]) -> bool:
    array = numbers(value)
    if array is None or array.shape != expected.shape:
        return False
    finite = np.isfinite(array) & np.isfinite(expected)
    # A result in single precision stays one where only its finite entries are compared.
    kept = np.asarray(value)[finite]
    return not finite.any() or same(kept, expected[finite])


# ---------------------------------------------------------------- wrong forward passes


def wrong_fit(trial: Trial, wishes: Wishes) -> Fit | None:
    """The nearest layer of which a trial is a wrong form; None if it is none that is known."""
    found: list[tuple[int, Fit]] = []
    for activation in wishes.activations:
        full = wishes.full_model(trial.machine.model, activation)
        for weight, sentence, value in _wrong_outputs(full, trial, activation):
            where = _find(output_leaves(trial, full), full.output, value)
            if where is not None:
                machine = replace(trial.machine, model=full, outputs={full.output: where})
                found.append((weight, Fit(machine, activation, sentence)))
        gained = _gained(trial, full, activation)
        if gained is not None:
            found.append((_FAR_FETCHED, gained))
    return min(found, key=lambda pair: pair[0], default=(0, None))[1]


# Heavier than any mistake of the catalogue.
_FAR_FETCHED = 9
_GAIN_IS_ONE = 1e-6


def _gained(trial: Trial, model: Model, activation: str) -> Fit | None:
    """A forward pass whose output is the right one times a number."""
    values = Values(model.spec.derivation, model.sizes(trial.sizes), trial.data)
    expected = values[model.output]
    weight = float(np.sum(expected * expected))
    for leaf in output_leaves(trial, model):
        array = numbers(leaf.value)
        if array is None or array.shape != expected.shape or not 0 < weight < np.inf:
            continue
        gain = float(np.sum(array * expected)) / weight
        if not np.isfinite(gain) or gain == 0 or abs(gain - 1) < _GAIN_IS_ONE:
            continue
        if same(leaf.value, gain * expected):
            machine = replace(trial.machine, model=model, outputs={model.output: leaf.where})
            sentence = f"{model.output}: the result is {gain:.12g} times the right one"
            return Fit(machine, activation, sentence, gain=gain)
    return None


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
    activation = wishes.activations[0]
    full = wishes.full_model(trial.machine.model, activation)
    shape = full.shape(full.output, trial.sizes)
    inputs = [trial.data[name] for name in full.spec.program.inputs]
    candidates = [
        leaf
        for leaf in output_leaves(trial, full)
        if (array := numbers(leaf.value)) is not None
        and not any(same(array, given) for given in inputs)
    ]
    fitting = [leaf.where for leaf in candidates if np.shape(leaf.value) == shape]
    returned = [leaf.where for leaf in trial.leaves if leaf.where.root == FORWARD]
    where = min(fitting or returned[:1], key=lambda w: _openness(w, full.output), default=None)
    if where is None:
        return None
    machine = replace(trial.machine, model=full, outputs={full.output: where})
    return Fit(machine, activation, trusted=True)


def nearest(trial: Trial, wishes: Wishes) -> list[tuple[float, str]]:
    """How far each activation is from what a forward pass gives, as a part of their size."""
    model = trial.machine.model
    gaps = []
    for activation in wishes.activations:
        full = wishes.full_model(model, activation)
        derivation, sizes = full.spec.derivation, full.sizes(trial.sizes)
        expected = Values(derivation, sizes, trial.data)[full.output]
        values = [numbers(leaf.value) for leaf in output_leaves(trial, full)]
        fitting = [v for v in values if v is not None and v.shape == expected.shape]
        gaps += [(_distance(value, expected), activation) for value in fitting]
    return sorted(gaps)


def _distance(value: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """0 for equal arrays and 1 for unrelated ones: large entries alone do not decide."""
    whole = float(np.sum(np.abs(value)) + np.sum(np.abs(expected)))
    gap = float(np.sum(np.abs(value - expected)))
    return gap / whole if np.isfinite(gap) and 0 < whole < np.inf else float("inf")


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
            if any(trial.machine == machine for trial in self.trials):
                # It ran, and what it gave was no fit: fewer numbers would only hide that.
                continue
            try:
                trial = try_forward(machine, sizes)
            except Halt as halt:
                self.halts.append((machine, sizes, halt))
                continue
            if _overwrites_a_parameter(trial):
                continue
            self.trials.append(trial)
            fit = right_fit(trial, self.wishes)
            if fit is not None and holds_further(fit, trial, self.wishes):
                yield fit

    def best_of_the_rest(self) -> Fit | None:
        """The nearest wrong form of any trial; else what the user described."""
        for trial in self.trials:
            fit = wrong_fit(trial, self.wishes)
            if fit is not None and holds_further(fit, trial, self.wishes):
                return fit
        if self._is_settled():
            fits = (trusted_fit(trial, self.wishes) for trial in self.trials)
            found = next((fit for fit in fits if fit is not None), None)
            if found is not None:
                return found
        return self._that_raises()

    def _is_settled(self) -> bool:
        """Whether the user said what it computes; the layout may follow from the shapes alone."""
        if self.wishes.settles_the_spec:
            return True
        distinct = {t.machine.model.spec.layout for t in self.trials if t.sizes.are_distinct}
        return self.wishes.activation is not None and len(distinct) == 1

    @property
    def raises_whatever(self) -> bool:
        """Whether the forward pass raised each time what no way of calling it could help."""
        raised = [halt for _, _, halt in self.halts if halt.stage == "forward"]
        return not self.trials and any(nothing_helps(halt.error) for halt in raised)

    def _that_raises(self) -> Fit | None:
        """A layer that raises what no way of calling it could help: that is a result, too."""
        halts = [(machine, halt) for machine, _, halt in self.halts if halt.stage == "forward"]
        found = next((pair for pair in halts if nothing_helps(pair[1].error)), None)
        if self.trials or found is None:
            return None
        machine, halt = found
        activation = self.wishes.activation or self.wishes.activations[0]
        if not self.wishes.spec_is_known and self.wishes.activation is None:
            activation = LINEAR
        model = self.wishes.full_model(machine.model, activation)
        where = Where(FORWARD, Place())
        machine = replace(machine, model=model, outputs={model.output: where})
        said = f"it raises {type(halt.error).__name__}: {halt.error}"
        return Fit(machine, activation, said)


def _overwrites_a_parameter(trial: Trial) -> bool:
    """Whether the forward pass itself sets what was taken for a parameter: then it is none."""
    slots = {n: slot for n, slot in trial.machine.slots.items() if not slot.is_part}
    for name, slot in slots.items():
        own = Where(LAYER, slot.place)
        value = next((leaf.value for leaf in trial.leaves if leaf.where == own), None)
        given = np.asarray(shaped(trial.data[name], slot.shape))
        if isinstance(value, np.ndarray) and difference(value, given) > _SAME:
            return True
    return False


def nothing_helps(error: BaseException) -> bool:
    """Whether an error is a name that its own file nowhere defines.

    Any other may be for lack of the right call, or of a step before it.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, NameError):
        return True
    if not isinstance(error, AttributeError) or not error.name or not frames:
        return False
    own = type(error.obj)
    if own.__module__ in ("builtins", "numpy") or own is StandIn:
        return False
    try:
        tree = ast.parse("".join(linecache.getlines(frames[-1].filename)))
    except (SyntaxError, ValueError):
        return False
    return bool(tree.body) and not _is_set(error.name, tree, own)


def _is_set(name: str, tree: ast.Module, own: type) -> bool:
    """Whether a file sets an attribute anywhere but in the constructors of an object's class.

    Those have run: what they set, it has, unless a class does not call the constructor of its
    base.
    """
    classes = {kind.__name__ for kind in own.__mro__}
    passed = {
        node
        for kind in ast.walk(tree)
        if isinstance(kind, ast.ClassDef) and kind.name in classes
        for part in kind.body
        if isinstance(part, ast.FunctionDef) and part.name == "__init__"
        for node in ast.walk(part)
    }
    for node in ast.walk(tree):
        if node in passed:
            continue
        if isinstance(node, ast.Attribute) and node.attr == name:
            if isinstance(node.ctx, ast.Store):
                return True
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
            return True
        elif isinstance(node, ast.Constant) and node.value == name:
            # As of setattr, of __slots__, or of a namedtuple's fields.
            return True
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name:
            return True
    return False
