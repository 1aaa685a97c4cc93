"""Diagnosis beyond single wrong equations: two mistakes at once, and what is said of the rest."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import backproof as bp
from backproof.reports.finding import Check, Finding, Verdict

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

LAYER = """
import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.z = x @ self.W + self.b
        self.a = np.tanh(self.z)
        return self.a

    def backward(self, da):
        dz = da * (1 - self.a**2)
        self.dW = self.x.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.W.T
"""
LINEAR = LAYER.replace("self.a = np.tanh(self.z)", "self.a = self.z").replace(
    "dz = da * (1 - self.a**2)", "dz = da"
)
# One kink, and a slope on each side of it.
LEAKY = LAYER.replace("np.tanh(self.z)", "np.where(self.z > 0, self.z, 0.01 * self.z)").replace(
    "1 - self.a**2", "np.where(self.z > 0, 1, 0.3)"
)

Refuted = Callable[..., dict[str, Finding]]


@pytest.fixture
def refuted(tmp_path: Path) -> Refuted:
    """The refuted quantities of a layer in which a statement stands for another."""

    def verify(layer: str, right: str = "", written: str = "", **settings: Any) -> Any:
        assert layer.count(right) == 1 or not right
        path = tmp_path / "layers.py"
        path.write_text(layer.replace(right, written) if right else layer, encoding="utf-8")
        report = bp.verify(f"{path}:Dense", examples=40, in_process=True, **settings)
        values = (Check.GRADIENT, Check.FORWARD)
        wrong = [f for f in report.findings if f.verdict is Verdict.REFUTED and f.check in values]
        return {str(f.quantity): f for f in wrong}

    return verify


def test_the_layers_are_right(refuted: Refuted) -> None:
    assert refuted(LAYER) == {}
    assert refuted(LINEAR) == {}


def said(finding: Finding) -> str:
    assert finding.mistake is not None
    return f"{finding.mistake.kind.value}: {finding.message}"


@pytest.mark.parametrize(
    ("written", "kind", "sentences"),
    [
        ("self.dW = -(self.x.T @ dz) / len(da)", "wrong-scale", ("number of samples", "sign")),
        ("self.dW = 2 * (self.x.T @ da)", "missing-activation-derivative", ("times", "derivative")),
    ],
)
def test_two_mistakes_in_one_equation(
    refuted: Refuted, written: str, kind: str, sentences: tuple[str, ...]
) -> None:
    found = refuted(LAYER, "self.dW = self.x.T @ dz", written)["dW"]

    assert said(found).startswith(f"{kind}: two mistakes: ")
    assert all(sentence in found.message for sentence in sentences)
    assert found.correction == "self.dW = self.x.T @ dz"


def test_a_mistake_beside_one_further_up(refuted: Refuted) -> None:
    layer = LAYER.replace("da * (1", "da * da * (1")

    found = refuted(layer, "self.db = dz.sum(axis=0)", "self.db = np.full_like(self.b, dz.sum())")

    assert said(found["dW"]).startswith("extra-factor: dA enters twice")
    assert said(found["db"]).startswith("extra-sum: two mistakes")


@pytest.mark.parametrize("rate", ["1", "0.01", "1e-4"])
def test_a_step_of_any_rate_before_the_last_line(refuted: Refuted, rate: str) -> None:
    found = refuted(
        LAYER, "return dz @ self.W.T", f"W = self.W - {rate} * self.dW; return dz @ W.T"
    )

    assert set(found) == {"dX"}
    assert said(found["dX"]) == (
        f"updated-weights: W is used after its update, W - {float(rate):g} dW: take dX first"
    )


@pytest.mark.parametrize(
    ("right", "written", "quantity", "sentence"),
    [
        ("return dz @ self.W.T", "dX = dz @ self.W.T; dX[0] = 0; return dX", "dX", "first sample"),
        (
            "self.dW = self.x.T @ dz",
            "self.dW = self.x.T @ dz + 0.25",
            "dW",
            "one and the same number",
        ),
        ("self.dW = self.x.T @ dz", "self.dW = abs(self.x.T @ dz)", "dW", "but for their signs"),
        (
            "self.dW = self.x.T @ dz",
            "self.dW = self.x.T @ dz - np.outer(self.x.sum(0), dz.sum(0))",
            "dW",
            "an outer product",
        ),
        (
            "self.db = dz.sum(axis=0)",
            "self.db = dz.sum(axis=0); self.db[-1] = 0",
            "db",
            "only the last output is wrong",
        ),
    ],
)
def test_the_rest_is_described(
    refuted: Refuted, right: str, written: str, quantity: str, sentence: str
) -> None:
    found = refuted(LINEAR, right, written)

    assert set(found) == {quantity}
    assert said(found[quantity]).startswith("other: no mistake of the catalogue")
    assert sentence in found[quantity].message


def test_where_a_slope_is_wrong_is_said_and_what_follows_from_it(refuted: Refuted) -> None:
    found = refuted(LEAKY, "dz = da", "dz = self.dz = da")

    assert set(found) == {"dZ", "dW", "db", "dX"}
    assert "only entries where Z is negative are wrong" in found["dZ"].message
    for quantity in ("dW", "db", "dX"):
        assert f"{quantity} is wrong because dZ is" in found[quantity].notes


def test_a_gain_that_the_gradients_follow_is_an_assumption(tmp_path: Path) -> None:
    text = LINEAR.replace("self.a = self.z", "self.a = 1.7 * self.z").replace(
        "dz = da", "dz = 1.7 * da"
    )
    path = tmp_path / "layers.py"
    path.write_text(textwrap.dedent(text), encoding="utf-8")

    report = bp.verify(f"{path}:Dense", examples=40, in_process=True)

    assert report.ok
    assert {f.quantity for f in report.findings if f.verdict is Verdict.ASSUMES} >= {"dW", "dX"}
    assumed = {f.assumption for f in report.findings if f.quantity == "dW" and f.assumption}
    assert any("17*(sum[i](X[n,i]*W[i,o]) + b[o])/10" in words for words in assumed)
