"""Questions about the layers that ship, at distinct sizes, for tests of the oracles."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from backproof.oracles.outcome import Answer, FloatArray, Oracle, Question, axes_by_name
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts, losses, named, network

# By role: no two alike, none of them 1, so that a transposed or misplaced axis shows.
SIZES: Mapping[str, int] = {
    "samples": 2,
    "inputs": 3,
    "outputs": 4,
    "hidden1": 5,
    "hidden2": 6,
}

Draw = Callable[[np.random.Generator, tuple[int, ...]], FloatArray]


def normal(source: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    return source.normal(size=shape)


def probabilities(source: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    return source.uniform(0.1, 0.9, size=shape)


def integers(source: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    return source.integers(-5, 6, size=shape).astype(np.float64)


def question(
    spec: Spec,
    *,
    draw: Draw = normal,
    seed: int = 0,
    sizes: Mapping[str, int] = SIZES,
    **fixed: Any,
) -> Question:
    """Everything that the spec defines or derives, at random inputs; ``fixed`` replaces some."""
    derivation, program = spec.derivation, spec.program
    axes = axes_by_name(derivation)
    source = np.random.default_rng(seed)
    inputs = {
        name: draw(source, tuple(sizes[program.axes[axis].role] for axis in axes[name]))
        for name in (*program.inputs, *derivation.upstreams)
    }
    inputs |= {name: np.asarray(value, dtype=np.float64) for name, value in fixed.items()}
    gradients = [g.name for g in derivation.gradients.values() if not g.is_upstream]
    return Question(derivation, inputs, (*program.defined, *gradients))


def library() -> Iterator[tuple[str, Question]]:
    """Each layout with each activation, each loss, and networks with a loss."""
    for seed, layout in enumerate(layouts()):
        for activation in ACTIVATIONS:
            spec = dense(layout=layout, activation=activation)
            yield f"{layout} {activation}", question(spec, seed=seed)
        averaged = dense(layout=layout, activation="tanh", scale="mean")
        yield f"{layout} tanh, averaged", question(averaged, seed=seed)
        stacked = network(
            3, layout=layout, activation=["gelu", "relu", "sigmoid"], loss="binary_cross_entropy"
        )
        yield f"{layout} network", question(stacked, draw=probabilities, seed=seed)
    for loss in losses():
        yield loss, question(named(loss), draw=probabilities)


def answered(oracle: Oracle, asked: Question) -> Answer:
    """The oracle's answer, which has to be one."""
    answer = oracle.answer(asked)
    assert isinstance(answer, Answer), answer
    for name, value in answer.values.items():
        assert value.shape == answer.radii[name].shape
        assert value.dtype == answer.radii[name].dtype == np.float64
        assert not np.isnan(value).any()
        assert (answer.radii[name] >= 0).all()
    return answer


def intersects(left: Answer, right: Answer, name: str) -> bool:
    """Whether the two intervals have a point in common at every entry."""
    meet = (left.lower(name) <= right.upper(name)) & (right.lower(name) <= left.upper(name))
    return bool(meet.all())


def contains(outer: Answer, inner: Answer, name: str) -> bool:
    """Whether every entry's interval of ``inner`` lies in that of ``outer``."""
    inside = (outer.lower(name) <= inner.lower(name)) & (inner.upper(name) <= outer.upper(name))
    return bool(inside.all())


LIBRARY: dict[str, Question] = dict(library())
