"""Layers that mean something else than the nearest known layer, and say so by their gradients."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

import backproof as bp
from backproof.reports.finding import Check, Report, Verdict

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

LAYER = """
import numpy as np


class Dense:
    def __init__(self, n_in, n_out, l2=0.01):
        self.W = np.random.randn(n_in, n_out) * 0.1
        self.b = np.zeros(n_out)
        self.l2 = l2

    def forward(self, X):
        self.X = X
        return {forward}

    def backward(self, dZ):
        m = len(self.X)
        self.dW = {dW}
        self.db = {db}
        return {dX}
"""
RIGHT = {
    "forward": "X @ self.W + self.b",
    "dW": "self.X.T @ dZ",
    "db": "dZ.sum(axis=0)",
    "dX": "dZ @ self.W.T",
}


def verified(folder: Path, **lines: str) -> Report:
    file = folder / "layer.py"
    file.write_text(textwrap.dedent(LAYER.format(**{**RIGHT, **lines})))
    return bp.verify(f"{file}:Dense", examples=60)


def verdicts(report: Report) -> dict[str, Verdict]:
    values = (Check.GRADIENT, Check.FORWARD)
    return {f.quantity: f.verdict for f in report.findings if f.quantity and f.check in values}


def assumption(report: Report, quantity: str) -> str:
    found = (f.assumption for f in report.findings if f.quantity == quantity and f.assumption)
    return next(found, "")


GAIN = {
    "forward": "2 * (X @ self.W + self.b)",
    "dW": "2 * self.X.T @ dZ",
    "db": "2 * dZ.sum(axis=0)",
    "dX": "2 * dZ @ self.W.T",
}


@pytest.mark.parametrize(
    ("lines", "statement"),
    [
        (GAIN, "Z[n,o] = 2*(sum[i](X[n,i]*W[i,o]) + b[o])"),
        (
            {"forward": "X @ self.W - self.b", "db": "-dZ.sum(axis=0)"},
            "Z[n,o] = sum[i](X[n,i]*W[i,o]) - b[o]",
        ),
    ],
    ids=["gain", "bias subtracted"],
)
def test_a_forward_pass_that_its_gradients_follow_is_meant(
    tmp_path: Path, lines: dict[str, str], statement: str
) -> None:
    report = verified(tmp_path, **lines)

    assert report.ok
    assert set(verdicts(report).values()) == {Verdict.ASSUMES}
    assert statement in assumption(report, "Z")


def test_a_forward_pass_that_its_gradients_do_not_follow_is_wrong(tmp_path: Path) -> None:
    report = verified(tmp_path, forward="X @ self.W - self.b")

    found = verdicts(report)
    assert found.pop("Z") is Verdict.REFUTED
    assert set(found.values()) == {Verdict.HOLDS}


def test_of_a_layer_with_a_gain_only_the_gradient_without_it_is_wrong(tmp_path: Path) -> None:
    report = verified(tmp_path, **{**GAIN, "db": "dZ.sum(axis=0)"})

    found = verdicts(report)
    assert found.pop("db") is Verdict.REFUTED
    assert set(found.values()) == {Verdict.ASSUMES}


def test_a_stated_layer_has_no_gain_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "layer.py"
    file.write_text(textwrap.dedent(LAYER.format(**GAIN)))

    report = bp.verify(f"{file}:Dense", layout="ni,io->no", activation="linear", examples=60)

    assert set(verdicts(report).values()) == {Verdict.REFUTED}


@pytest.mark.parametrize(
    ("lines", "rate"),
    [
        ({"dW": "self.X.T @ dZ + self.l2 * self.W"}, "0.01 times W"),
        ({"dW": "self.X.T @ dZ + self.l2 / m * self.W"}, "0.01/n times W"),
        ({"dW": "self.X.T @ dZ / m + self.l2 * self.W", "db": "dZ.mean(axis=0)"}, "0.01 times W"),
        ({"dW": "(self.X.T @ dZ + self.l2 * self.W) / m", "db": "dZ.mean(axis=0)"}, "0.01/n"),
        ({"db": "dZ.sum(axis=0) + 2 * self.b"}, "2 times b"),
    ],
)
def test_weight_decay_is_a_penalty_of_the_loss(
    tmp_path: Path, lines: dict[str, str], rate: str
) -> None:
    report = verified(tmp_path, **lines)

    assert report.ok
    found = verdicts(report)
    assert found["dX"] is found["Z"] is Verdict.HOLDS
    for name in lines:
        assert found[name] is Verdict.ASSUMES
        if len(lines) == 1:
            assert rate in assumption(report, name)


@pytest.mark.parametrize(
    "dW",
    [
        "2 * self.X.T @ dZ + self.l2 * self.W",
        "self.X.T @ dZ + self.l2 * np.abs(self.W)",
        "self.X.T @ dZ + self.l2 * self.W**2",
        "self.X.T @ dZ + self.l2",
    ],
)
def test_what_is_no_weight_decay_is_refuted(tmp_path: Path, dW: str) -> None:
    report = verified(tmp_path, dW=dW)

    assert verdicts(report)["dW"] is Verdict.REFUTED
    assert verdicts(report)["db"] is Verdict.HOLDS
