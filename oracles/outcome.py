"""What an oracle is asked and what it answers: plain values, no judgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backproof.spec.deriving.derive import Derivation
from backproof.spec.terms import Match

FloatArray = NDArray[np.float64]


def axis_sizes(derivation: Derivation, inputs: Mapping[str, FloatArray]) -> dict[str, int]:
    """The size of each axis that the given arrays and the program determine.

    Args:
        derivation: names the axes of each tensor and gradient.
        inputs: arrays by tensor name; names that the derivation does not know are ignored.

    Raises:
        ValueError: an array has the wrong number of dimensions, two arrays give one axis different
            sizes, a size is not the one that the program fixes, or an axis is too short for a
            position on it.
    """
    program = derivation.program
    axes = dict(axes_by_name(derivation))
    sizes = dict(program.declared_sizes)
    for name, array in inputs.items():
        if name not in axes:
            continue
        shape = np.shape(array)
        if len(shape) != len(axes[name]):
            raise ValueError(
                f"{name} has {len(axes[name])} axes ({', '.join(axes[name]) or 'none'}), "
                f"found shape {shape}"
            )
        for axis, found in zip(axes[name], shape, strict=True):
            if sizes.setdefault(axis, found) != found:
                raise ValueError(
                    f"axis {axis} has size {sizes[axis]} and, in {name} of shape {shape}, {found}"
                )
    for node in program.positions:
        _add_position(node, sizes)
    return sizes


def _add_position(node: Match, sizes: dict[str, int]) -> None:
    """Add the one size that follows from the others of an affine position, or check them all.

    Raises:
        ValueError: the axis is too short for the position.
    """
    open_ = [(index, factor) for index, factor in node.parts if index.axis not in sizes]
    left = node.left.axis
    last = node.offset + sum(
        factor * (sizes[index.axis] - 1) for index, factor in node.parts if index.axis in sizes
    )
    if len(open_) == 1 and left in sizes:
        # As many places as there is room for, as a layer without padding has outputs.
        ((index, factor),) = open_
        sizes[index.axis] = max(0, (sizes[left] - 1 - last) // factor + 1)
    elif not open_:
        empty = any(sizes[index.axis] == 0 for index, _ in node.parts)
        if sizes.setdefault(left, 0 if empty else last + 1) <= last and not empty:
            raise ValueError(
                f"axis {left} has size {sizes[left]}, but a position reaches its entry {last}"
            )


def axes_by_name(derivation: Derivation) -> dict[str, tuple[str, ...]]:
    """The axes of every tensor and every gradient of a derivation, one a dimension."""
    axes = {name: tensor.axes for name, tensor in derivation.program.tensors.items()}
    for gradient in derivation.gradients.values():
        axes[gradient.name] = tuple(index.axis for index in gradient.target.indices)
    return axes


@dataclass(frozen=True)
class Question:
    """Which numbers are asked for, at which exact inputs.

    Attributes:
        derivation: the statements and the derived gradients.
        inputs: float64 arrays that hold the exact values, by tensor name, upstream gradients
            (such as ``dA``) included.
        wanted: names of defined tensors and gradients, such as ``("Z", "A", "dZ", "dW")``.
    """

    derivation: Derivation
    inputs: Mapping[str, FloatArray]
    wanted: tuple[str, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """The size of each axis, from the shapes of the inputs.

        Raises:
            ValueError: the shapes contradict the derivation or each other.
        """
        return axis_sizes(self.derivation, self.inputs)


@dataclass(frozen=True)
class Answer:
    """Values that enclose the exact ones: ``|exact - value| <= radius``, entry by entry.

    Attributes:
        oracle: who answers.
        values: float64 midpoints by name.
        radii: float64, of the shape of the values; ``inf`` where the oracle cannot say.
    """

    oracle: str
    values: Mapping[str, FloatArray]
    radii: Mapping[str, FloatArray]

    def lower(self, name: str) -> FloatArray:
        """A float64 array that is nowhere above the exact values."""
        with np.errstate(all="ignore"):
            return np.asarray(_bound(self.values[name], -np.asarray(self.radii[name]), -np.inf))

    def upper(self, name: str) -> FloatArray:
        """A float64 array that is nowhere below the exact values."""
        with np.errstate(all="ignore"):
            return np.asarray(_bound(self.values[name], np.asarray(self.radii[name]), np.inf))


def _bound(value: FloatArray, offset: FloatArray, outwards: float) -> FloatArray:
    end = np.asarray(value) + offset
    # An exact value needs no room for the rounding of the addition; anything else gets one ulp.
    end = np.where(offset == 0, value, np.nextafter(end, outwards))
    return np.where(np.isnan(end), outwards, end)


@dataclass(frozen=True)
class Unavailable:
    """An oracle that cannot answer, and why."""

    oracle: str
    reason: str


class Oracle(Protocol):
    """An independent way to know the right numbers.

    Attributes:
        name: how reports call it.
        independent_of: what it does not rely on, such as "rounding" or "our differentiation".
    """

    name: str
    independent_of: str

    def answer(self, question: Question) -> Answer | Unavailable:
        """The values with their radii, or why there are none."""
        ...
