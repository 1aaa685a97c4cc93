"""The smallest case at which something goes wrong: sizes and numbers shrink together."""

from __future__ import annotations

import random
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from backproof.cases import Case, Inputs, cases

EXAMPLES = 300


def smallest(
    inputs: Inputs,
    fails: Callable[[Case], bool],
    otherwise: Case,
    *,
    equal_axes: tuple[tuple[str, str], ...] = (),
) -> Case:
    """The smallest case that fails, with small whole numbers if there is such a one.

    Args:
        inputs: what a case has to give.
        fails: whether a case fails.
        otherwise: a case that is known to fail, kept when no smaller one is found.
        equal_axes: axes that keep one size, for a layer that runs only then.
    """
    wanted = _sizes(inputs, equal_axes)
    strategy = cases(inputs, (otherwise.format,), ("whole",), wanted)
    quiet = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    try:
        found = find(strategy, fails, settings=quiet, random=random.Random(0))
    except NoSuchExample:
        return otherwise
    return found


def _sizes(
    inputs: Inputs, equal_axes: tuple[tuple[str, str], ...]
) -> st.SearchStrategy[dict[str, int]]:
    free = [a for a in inputs.every_axis if a not in {second for _, second in equal_axes}]

    def complete(found: tuple[int, ...]) -> dict[str, int]:
        chosen = dict(zip(free, found, strict=True))
        for first, second in equal_axes:
            chosen[second] = chosen[first]
        return chosen

    return st.tuples(*(st.integers(1, 3) for _ in free)).map(complete)
