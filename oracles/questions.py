"""What every oracle asks of a question before it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from backproof.oracles.outcome import Question, axes_by_name
from backproof.oracles.pointwise import needed
from backproof.spec.terms import Size, indices_in, tensors_in, walk


@dataclass(frozen=True, slots=True)
class Checked:
    """A question whose names, inputs and sizes are known to fit together.

    Attributes:
        sizes: the size of each axis.
        names: the defined names that the wanted ones rest on, dependencies first.
        shapes: the shape of everything that is wanted.
        unfit: why exact arithmetic cannot start from the inputs; empty when it can.
    """

    sizes: dict[str, int]
    names: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]
    unfit: str


def checked(question: Question, also: Iterable[str] = ()) -> Checked:
    """Check a question once, for all oracles alike.

    Args:
        question: what is asked.
        also: names that the oracle uses whether or not something that is wanted rests on them.

    Raises:
        ValueError: a wanted name is unknown, an input is missing, the inputs' shapes contradict
            each other, or the size of an axis follows from none of them.
    """
    derivation, inputs = question.derivation, question.inputs
    names = needed(derivation, (*question.wanted, *also))
    sizes, axes = question.sizes, axes_by_name(derivation)
    used = {*question.wanted, *also} - set(names)
    ranges: set[str] = set()
    for name in names:
        definition = derivation.definition(name)
        assert definition is not None
        target, value = definition
        used |= tensors_in(value) - set(names)
        ranges |= {index.axis for index in indices_in(value) | set(target.indices)}
        ranges |= {node.axis for node in walk(value) if isinstance(node, Size)}
    for name in sorted(used):
        if name not in inputs:
            raise ValueError(f"{name} is not among the inputs: {', '.join(sorted(inputs))}")
    for axis in sorted(ranges):
        if axis not in sizes:
            raise ValueError(f"no input has the axis {axis}, so that its size is unknown")
    shapes = {name: tuple(sizes[axis] for axis in axes[name]) for name in question.wanted}
    broken = [name for name, array in inputs.items() if not np.isfinite(array).all()]
    unfit = f"{broken[0]} has entries that are not finite" if broken else ""
    return Checked(sizes, names, shapes, unfit)
