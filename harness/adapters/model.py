"""The specs that a layer may be meant to follow, and their sizes by role."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.adapters.roles import INPUTS, OUTPUTS, SAMPLES
from backproof.spec.layer import Spec
from backproof.spec.library import affine, dense, layouts
from backproof.spec.normal_form.signs import stated

Array = NDArray[Any]

# Weights as (inputs, outputs) with samples as columns: nobody's convention, but some write it.
_UNUSUAL = "io,in->on"
# One sample at a time: no axis of samples at all.
SINGLE = ("i,io->o", "i,oi->o")
# An activation that is a layer of its own: no weights.
ACTIVATION_ALONE = ("no->no", "on->on")
_WRITTEN = {
    _UNUSUAL: ("axes n: samples, i: inputs, o: outputs", "o,n", "W[i,o]*X[i,n]"),
    "i,io->o": ("axes i: inputs, o: outputs", "o", "X[i]*W[i,o]"),
    "i,oi->o": ("axes i: inputs, o: outputs", "o", "W[o,i]*X[i]"),
}
LINEAR = "linear"
# A leaky relu of another slope than the usual one, which follows.
SLOPED = "leaky_relu of slope "


def known_layouts() -> tuple[str, ...]:
    """The layouts of a batch that are tried, the usual ones first."""
    return (*layouts(), _UNUSUAL)


@lru_cache(maxsize=256)
def layer_spec(layout: str, activation: str, bias: bool, scale: str) -> Spec:
    """The spec of a dense layer: up to Z where it is linear, without b where it has none.

    Raises:
        SpecError: no such layout, activation or scale.
    """
    if activation.startswith(SLOPED):
        known = layer_spec(layout, "leaky_relu", bias, scale)
        slope = activation.removeprefix(SLOPED)
        text = re.sub(r"g\((\w\[[^]]*\])\)", rf"relu(\1) - {slope}*relu(-\1)", known.text)
        return Spec(text, name=known.name, layout=layout, scale=scale)
    if layout in ACTIVATION_ALONE:
        letters = "n,o" if layout == ACTIVATION_ALONE[0] else "o,n"
        text = f"axes n: samples, o: outputs\nA[{letters}] = g(X[{letters}])\n"
        return Spec(text, name=activation, layout=layout, functions={"g": activation}, scale=scale)
    usual = layout not in _WRITTEN
    linear = activation == LINEAR
    if usual and linear:
        found = affine(layout=layout, scale=scale)
    elif usual:
        found = dense(layout=layout, activation=activation, scale=scale)
    else:
        axes, letters, product = _WRITTEN[layout]
        lines = [
            axes,
            f"Z[{letters}] = sum[i]({product}) + b[o]",
            *([] if linear else [f"A[{letters}] = g(Z[{letters}])"]),
        ]
        functions = {} if linear else {"g": activation}
        found = Spec(
            "\n".join(lines) + "\n",
            name="dense",
            layout=layout,
            functions=functions,
            scale=scale,
        )
    if bias:
        return found
    return Spec(
        found.text.replace(" + b[o]", ""),
        name=found.name,
        layout=found.layout,
        functions=found.functions,
        scale=scale,
        source_name=found.program.source.name,
    )


@dataclass(frozen=True, slots=True)
class Sizes:
    """The number of samples, inputs and outputs."""

    n: int
    i: int
    o: int

    @property
    def are_distinct(self) -> bool:
        """Whether shapes tell the axes apart."""
        return len({self.n, self.i, self.o}) == 3 and self.n > 1

    def __str__(self) -> str:
        return f"{self.n} samples, {self.i} inputs, {self.o} outputs"


# Distinct sizes tell everything apart; a layer that is wrong may only run where some are equal.
PROBES = (
    *(Sizes(5, 3, 4), Sizes(5, 3, 3), Sizes(3, 3, 4), Sizes(4, 3, 4), Sizes(3, 3, 3)),
    *(Sizes(1, 3, 4), Sizes(1, 3, 3)),
)


@dataclass(frozen=True)
class Model:
    """A spec, and which of its axes and tensors play which part.

    Attributes:
        spec: what the layer should compute.
    """

    spec: Spec

    @cached_property
    def data(self) -> str:
        """The input that runs over the samples: X."""
        inputs = self.spec.program.inputs
        if "X" in inputs:
            return "X"
        samples = self.spec.samples
        over = [t for t in inputs if samples in self.spec.program.tensors[t].axes]
        return (over or list(inputs))[0]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The other inputs: W and b."""
        return tuple(t for t in self.spec.program.inputs if t != self.data)

    @property
    def differentiated(self) -> tuple[str, ...]:
        """The inputs whose gradients a layer should give: the parameters, and the data.

        Another input that runs over the samples is a label; a number that is assumed to be
        positive, such as the eps of a normalisation, is a constant.
        """
        tensors, samples = self.spec.program.tensors, self.axes.get(SAMPLES)
        assumed = {tensor for tensor, _ in stated(self.spec.program.assumptions).known}
        constants = {name for name in assumed if not tensors[name].axes}
        own = [
            name
            for name in self.parameters
            if samples not in tensors[name].axes and name not in constants
        ]
        return (*own, self.data)

    @property
    def output(self) -> str:
        """The tensor that nothing else uses: A, or Z of a linear layer."""
        program = self.spec.program
        return [name for name in program.outputs if name not in program.added_losses][-1]

    @cached_property
    def axes(self) -> Mapping[str, str]:
        """The axis of each part, by n, i and o."""
        program = self.spec.program
        by_role = {a.role: a.name for a in program.axes.values() if a.role}
        found = {
            key: by_role[role]
            for key, role in ((SAMPLES, "samples"), (INPUTS, "inputs"), (OUTPUTS, "outputs"))
            if role in by_role
        }
        data, result = program.tensors[self.data].axes, program.tensors[self.output].axes
        own = {axis for p in self.parameters for axis in program.tensors[p].axes}
        guesses = {
            SAMPLES: [a for a in data if a in result and a not in own],
            INPUTS: [a for a in data if a in own],
            OUTPUTS: [a for a in result if a not in data],
        }
        for key, axes in guesses.items():
            left = [a for a in axes if a not in found.values()]
            if key not in found and left:
                found[key] = left[0]
        return found

    def sizes(self, sizes: Sizes) -> dict[str, int]:
        """The size of each axis of the spec; one of no known part has as many as outputs."""
        by_part = {axis: getattr(sizes, part) for part, axis in self.axes.items()}
        program = self.spec.program
        return program.consistent({axis: by_part.get(axis, sizes.o) for axis in program.axes})

    def sizes_of(self, arrays: Mapping[str, Array]) -> Sizes:
        """The sizes that given arrays have."""
        found: dict[str, int] = {}
        for name in self.spec.program.inputs:
            if name in arrays:
                shape = np.shape(arrays[name])
                found |= dict(zip(self.spec.program.tensors[name].axes, shape, strict=True))
        parts = {part: found.get(axis, 1) for part, axis in self.axes.items()}
        return Sizes(parts.get(SAMPLES, 1), parts.get(INPUTS, 1), parts.get(OUTPUTS, 1))

    def shape(self, tensor: str, sizes: Sizes) -> tuple[int, ...]:
        """The shape of a tensor, or of the gradient with respect to it."""
        return self.spec.program.shape(tensor, self.sizes(sizes))

    @property
    def has_samples(self) -> bool:
        """Whether the layer takes several samples at once."""
        return SAMPLES in self.axes

    @property
    def samples_are_rows(self) -> bool:
        """Whether the first axis of the data is that of the samples."""
        axes = self.spec.program.tensors[self.data].axes
        return bool(axes) and axes[0] == self.axes.get(SAMPLES)


def probe_data(model: Model, sizes: Sizes, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Random inputs and an upstream gradient for each defined tensor, by name.

    The samples are of different magnitudes, so that functions that agree near zero, or far away
    from it, do not pass for each other.
    """
    rng = np.random.default_rng((seed, sizes.n, sizes.i, sizes.o))
    program = model.spec.program
    signs = {tensor for tensor, _ in stated(program.assumptions).known}
    found = {}
    for name in program.inputs:
        found[name] = rng.normal(size=model.shape(name, sizes))
        if name in signs:
            # Of either sign that is assumed; away from zero it does not matter which.
            found[name] = np.abs(found[name]) + 0.5
    axes = program.tensors[model.data].axes
    if model.axes.get(SAMPLES) in axes:
        along = [1] * len(axes)
        along[axes.index(model.axes[SAMPLES])] = sizes.n
        found[model.data] *= np.geomspace(0.3, 4.0, sizes.n).reshape(along)
    for name in program.defined:
        found[f"d{name}"] = rng.normal(size=model.shape(name, sizes))
    return found
