"""The specs that a layer may be meant to follow, and their sizes by role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.adapters.roles import INPUTS, OUTPUTS, SAMPLES
from backproof.spec.layer import Spec
from backproof.spec.library import affine, dense, layouts

Array = NDArray[Any]

# Weights as (inputs, outputs) with samples as columns: nobody's convention, but some write it.
_UNUSUAL = "io,in->on"
LINEAR = "linear"


def known_layouts() -> tuple[str, ...]:
    """The layouts that are tried, the usual ones first."""
    return (*layouts(), _UNUSUAL)


@lru_cache(maxsize=256)
def layer_spec(layout: str, activation: str, bias: bool, scale: str) -> Spec:
    """The spec of a dense layer: up to Z where it is linear, without b where it has none.

    Raises:
        SpecError: no such layout, activation or scale.
    """
    usual = layout != _UNUSUAL
    linear = activation == LINEAR
    if usual and linear:
        found = affine(layout=layout, scale=scale)
    elif usual:
        found = dense(layout=layout, activation=activation, scale=scale)
    else:
        lines = [
            "axes n: samples, i: inputs, o: outputs",
            "Z[o,n] = sum[i](W[i,o]*X[i,n]) + b[o]",
            *([] if linear else ["A[o,n] = g(Z[o,n])"]),
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

        Another input that runs over the samples is a label.
        """
        tensors, samples = self.spec.program.tensors, self.axes.get(SAMPLES)
        own = [name for name in self.parameters if samples not in tensors[name].axes]
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
    found = {}
    for name in program.inputs:
        found[name] = rng.normal(size=model.shape(name, sizes))
    axes = program.tensors[model.data].axes
    if model.axes.get(SAMPLES) in axes:
        along = [1] * len(axes)
        along[axes.index(model.axes[SAMPLES])] = sizes.n
        found[model.data] *= np.geomspace(0.3, 4.0, sizes.n).reshape(along)
    for name in program.defined:
        found[f"d{name}"] = rng.normal(size=model.shape(name, sizes))
    return found
