"""A layer watched inside of a training loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.checking import Judgement
from backproof.errors import UsageError
from backproof.monitoring import WrongLayerWarning


class Tanh:
    """A right layer."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.W = np.random.default_rng(0).normal(size=(inputs, outputs))
        self.b = np.zeros((1, outputs))

    def forward(self, X: Any) -> Any:
        self.X = X
        self.A = np.tanh(X @ self.W + self.b)
        return self.A

    def backward(self, dA: Any) -> Any:
        dZ = dA * (1 - self.A**2)
        self.dW = self.X.T @ dZ
        self.db = dZ.sum(axis=0, keepdims=True)
        return dZ @ self.W.T


class Drifting(Tanh):
    """Right at its first steps; later it forgets the sum over the samples."""

    steps = 0

    def backward(self, dA: Any) -> Any:
        found = super().backward(dA)
        self.steps += 1
        if self.steps > 6:
            self.db = self.db / len(dA)
        return found


class Updating(Tanh):
    """Updates its parameters as it goes back, and keeps no gradient."""

    def backward(self, dA: Any) -> Any:
        dZ = dA * (1 - self.A**2)
        found = dZ @ self.W.T
        self.W -= 0.1 * (self.X.T @ dZ)
        self.b -= 0.1 * dZ.sum(axis=0, keepdims=True)
        return found


def train(layer: Any, steps: int, dtype: str = "float64") -> None:
    rng = np.random.default_rng(1)
    for _ in range(steps):
        X = rng.normal(size=(int(rng.integers(2, 7)), layer.W.shape[0])).astype(dtype)
        A = layer.forward(X)
        layer.backward((A - 0.5).astype(dtype))
        layer.W = (layer.W - 0.1 * layer.dW).astype(dtype)
        layer.b = (layer.b - 0.1 * layer.db).astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_layer_is_never_called_wrong(dtype: str) -> None:
    layer = Tanh(3, 4)
    layer.W = layer.W.astype(dtype)

    with bp.monitor(layer, every=3) as watch:
        train(layer, 30, dtype)

    assert (watch.batches, watch.checked, watch.wrong) == (30, 10, {})


def test_a_layer_that_goes_wrong_is_found_at_the_next_look() -> None:
    layer, seen = Drifting(3, 4), list[Judgement]()

    with bp.monitor(layer, every=5, on_wrong=seen.append):
        train(layer, 30)

    assert [j.quantity for j in seen] == ["db"]


def test_it_warns_with_the_entry_and_the_bound() -> None:
    layer = Drifting(3, 4)
    Drifting.steps = 100
    try:
        with (
            bp.monitor(layer),
            pytest.warns(WrongLayerWarning, match=r"db\[\d\] is \S+, expected \S+ within"),
        ):
            train(layer, 1)
    finally:
        Drifting.steps = 0


def test_the_layer_is_left_as_it_was() -> None:
    layer = Tanh(3, 4)

    watch = bp.monitor(layer)
    assert "forward" in vars(layer)
    watch.stop()
    watch.stop()
    train(layer, 1)

    assert not {"forward", "backward"} & vars(layer).keys()
    assert watch.batches == 0


def test_results_are_those_of_the_layer_alone() -> None:
    alone, watched = Tanh(3, 4), Tanh(3, 4)

    train(alone, 20)
    with bp.monitor(watched, every=1):
        train(watched, 20)

    assert (alone.W == watched.W).all()
    assert (alone.b == watched.b).all()


def test_a_layer_that_shows_no_gradients_is_refused() -> None:
    with pytest.raises(UsageError, match="does not show dW, db"):
        bp.monitor(Updating(3, 4))


def test_what_is_no_layer_is_refused() -> None:
    with pytest.raises(UsageError):
        bp.monitor(object())
    with pytest.raises(ValueError, match="every"):
        bp.monitor(Tanh(3, 4), every=0)
