"""The smallest case at which something goes wrong: sizes first, then small whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from backproof.cases import Case, Inputs

# Sizes tried for each axis, and fillings tried at each choice of sizes.
LARGEST, FILLINGS = 3, 3
# Entries past which numbers are not simplified one by one: nobody redoes such a case on paper.
SIMPLIFIED = 40


def smallest(inputs: Inputs, fails: Callable[[Case], bool], otherwise: Case) -> Case:
    """The smallest case that fails, its numbers as simple as they can be.

    Hypothesis shrinks one choice at a time; here sizes and numbers hang together, so sizes are
    tried from the smallest up, and then each number is replaced by 0 or 1 where it still fails.

    Args:
        inputs: what a case has to give.
        fails: whether a case fails.
        otherwise: a case that is known to fail, kept when no smaller one is found.
    """
    for case in _candidates(inputs, otherwise.format):
        if fails(case):
            return _simplified(inputs, case, fails)
    return otherwise


def _candidates(inputs: Inputs, format: str) -> Iterator[Case]:
    every = sorted(
        product(range(1, LARGEST + 1), repeat=len(inputs.free_axes)),
        key=lambda s: (sum(s), max(s, default=0), s),
    )
    for sizes in every:
        chosen = inputs.consistent(dict(zip(inputs.free_axes, sizes, strict=True)))
        for filling in range(FILLINGS):
            rng = np.random.default_rng(filling)
            arrays = {
                name: inputs.signed(
                    name, _numbers(rng, tuple(chosen[a] for a in axes), inputs.positive)
                )
                for name, axes in inputs.axes.items()
            }
            yield Case(chosen, format, arrays, "whole")


def _numbers(rng: np.random.Generator, shape: tuple[int, ...], positive: bool) -> np.ndarray:
    if positive:
        return np.asarray(rng.integers(1, 8, shape) / 8.0)
    # No zeros at first: they hide mistakes.
    found = rng.integers(1, 4, shape) * rng.choice([1, 1, -1], shape)
    return np.asarray(found, dtype=np.float64)


def _simplified(inputs: Inputs, case: Case, fails: Callable[[Case], bool]) -> Case:
    if sum(array.size for array in case.inputs.values()) > SIMPLIFIED:
        return case
    for name in case.inputs:
        for position in np.ndindex(case.inputs[name].shape):
            for value in (0.0, 1.0):
                if case.inputs[name][position] == value:
                    break
                if not inputs.allows(name, value):
                    continue
                array = case.inputs[name].copy()
                array[position] = value
                simpler = Case(case.sizes, case.format, {**case.inputs, name: array}, case.kind)
                if fails(simpler):
                    case = simpler
                    break
    return case
