"""Every depth, and what initialisation does."""

from __future__ import annotations

import numpy as np
import pytest

from backproof import theorems
from backproof.impl.dense import Dense
from backproof.reports.finding import Verdict
from backproof.spec.library import layouts


def test_all_theorems_hold() -> None:
    findings = [*theorems.depth_findings(), *theorems.initialiser_findings()]

    assert [f.verdict for f in findings] == [Verdict.HOLDS] * len(findings)
    assert len(findings) == len(layouts()) + 5


def test_a_network_that_is_not_made_of_the_generic_layer_is_seen(monkeypatch) -> None:
    generic = theorems.dense_l
    monkeypatch.setattr(
        theorems, "dense_l", lambda layout: generic(layout=layouts()[0], activation="tanh")
    )

    assert theorems._layers_agree(layouts()[0], 2) is False


def test_the_claim_on_equal_units_can_fail(monkeypatch) -> None:
    """With weights that do depend on the unit the gradients depend on it too."""
    special = theorems._special

    def without_equal_weights(spec, quantity, given):
        return special(spec, quantity, {k: v for k, v in given.items() if k != "W2"})

    monkeypatch.setattr(theorems, "_special", without_equal_weights)

    assert theorems._equal_units().verdict is Verdict.REFUTED


def two_layers(activation: str, rng: np.random.Generator) -> tuple[Dense, Dense]:
    first = Dense(3, 4, activation=activation, rng=rng)
    second = Dense(4, 2, activation="linear", rng=rng)
    return first, second


def gradients(layers: tuple[Dense, Dense], X: np.ndarray, dA: np.ndarray) -> None:
    first, second = layers
    second.forward(first.forward(X))
    first.backward(second.backward(dA))


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "gelu"])
def test_equal_weights_give_the_units_of_the_shipped_layers_equal_gradients(activation) -> None:
    rng = np.random.default_rng(3)
    first, second = two_layers(activation, rng)
    first.W[...] = np.broadcast_to(
        first.W[:, :1] if first.W.shape == (3, 4) else first.W[:1], first.W.shape
    )
    second.W[...] = 0.25
    gradients((first, second), rng.standard_normal((5, 3)), rng.standard_normal((5, 2)))

    units = first.dW.T if first.W.shape == (3, 4) else first.dW

    assert np.any(units != 0)
    assert all(np.array_equal(units[0], u) for u in units)


@pytest.mark.parametrize(
    ("activation", "moving"), [("tanh", {"db2"}), ("relu", {"db2"}), ("sigmoid", {"dW2", "db2"})]
)
def test_zero_weights_of_the_shipped_layers(activation: str, moving: set[str]) -> None:
    rng = np.random.default_rng(4)
    first, second = two_layers(activation, rng)
    for layer in (first, second):
        layer.W[...] = 0.0
        layer.b[...] = 0.0
    gradients((first, second), rng.standard_normal((5, 3)), rng.standard_normal((5, 2)))

    found = {
        name
        for name, g in (
            ("dW1", first.dW),
            ("db1", first.db),
            ("dW2", second.dW),
            ("db2", second.db),
        )
        if np.any(g != 0)
    }

    assert found == moving


def test_small_random_weights_tell_the_units_apart() -> None:
    rng = np.random.default_rng(5)
    first, second = two_layers("tanh", rng)
    gradients((first, second), rng.standard_normal((5, 3)), rng.standard_normal((5, 2)))

    units = first.dW.T if first.W.shape == (3, 4) else first.dW

    assert len({u.tobytes() for u in units}) == 4
