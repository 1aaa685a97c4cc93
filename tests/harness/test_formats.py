"""Every dtype: right layers hold and wrong ones are refuted, by the bound of the dtype."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.adapters.registry import adapt
from backproof.cases import Inputs, make_case
from backproof.cli.main import run
from backproof.oracles.formats import FORMATS
from backproof.preparing import loaded
from backproof.verifying import Settings, observe

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

FAULTS = Path(__file__).parent.parent / "faults"
RIGHT = f"{FAULTS / 'right.py'}:Dense"
LINEAR = "Z[n,o] = sum[i](X[n,i]*W[i,o]) + b[o]"


def linear(change: Callable[[Any], Any]) -> Any:
    """A dense layer whose dW went through a function."""

    @bp.subject(spec=LINEAR)
    def layer(X: Any, W: Any, b: Any, dZ: Any) -> dict[str, Any]:
        return {"Z": X @ W + b, "dW": change(X.T @ dZ), "db": dZ.sum(axis=0), "dX": dZ @ W.T}

    return layer


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_right_layer_holds_in_every_dtype(dtype: str) -> None:
    report = bp.verify(RIGHT, dtypes=[dtype], examples=60, in_process=True)

    assert report.ok
    assert {f.verdict for f in report.findings if f.check == "gradient"} == {"holds"}


@pytest.mark.parametrize("dtype", FORMATS)
def test_an_error_of_a_few_units_is_found_in_every_dtype(dtype: str) -> None:
    u = FORMATS[dtype].u
    # A sum of one term is rounded once; eight roundings are more than any order of it allows.
    report = bp.verify(
        linear(lambda dW: dW * (1 + 16 * u)), dtypes=[dtype], examples=60, in_process=True
    )

    assert {f.quantity for f in report.findings if f.verdict == "refuted"} == {"dW"}


def test_bfloat16_results_may_be_wider() -> None:
    report = bp.verify(RIGHT, dtypes=["bfloat16"], examples=20, in_process=True)

    (dtype,) = [f for f in report.findings if f.check == "dtype"]
    assert dtype.verdict == "holds"
    assert any("float32 for bfloat16" in note for note in dtype.notes)


def test_bfloat16_crosses_to_a_process_of_its_own() -> None:
    here = bp.verify(RIGHT, dtypes=["bfloat16"], examples=12, in_process=True)
    there = bp.verify(RIGHT, dtypes=["bfloat16"], examples=12)

    assert there.findings == here.findings


def coarse(z: Any) -> Any:
    """A hyperbolic tangent that errs by 24 units in the last place of its result."""
    return np.tanh(z) * (1 + 24 * np.finfo(z.dtype).eps / 2)


def test_weaker_functions_have_to_be_declared() -> None:
    @bp.subject(spec="A[n,o] = tanh(Z[n,o])")
    def layer(Z: Any, dA: Any) -> dict[str, Any]:
        return {"A": coarse(Z), "dZ": dA * (1 - np.tanh(Z) ** 2)}

    plain = bp.verify(layer, examples=40, in_process=True)
    declared = bp.verify(layer, examples=40, elementary=4.0, in_process=True)

    assert [f.quantity for f in plain.findings if f.verdict == "refuted"] == ["A"]
    assert declared.ok
    assert any("may err 4 times the usual bounds, as declared" in n for n in declared.notes)


@pytest.mark.parametrize(
    "options", [{"dtypes": ["float8"]}, {"dtypes": []}, {"elementary": 0.5}], ids=repr
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        bp.verify(RIGHT, **options)


def test_the_command_takes_dtypes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["verify", RIGHT, "--dtype", "bfloat16", "--dtype", "float32", "--examples", "8"]

    assert run([*arguments, "--in-process", "--quiet"]) == 0
    assert run(["verify", RIGHT, "--dtype", "float8"]) == 2


def test_products_that_underflow_are_allowed_for_with_declared_functions() -> None:
    # Half of float64's smallest number is none: found when its format was no longer the same
    # object once its functions were declared weaker.
    tiny = 2.0**-538

    @bp.subject(spec=LINEAR)
    def layer(X: Any, W: Any, b: Any, dZ: Any) -> dict[str, Any]:
        dX = np.zeros_like(X)
        for o in range(W.shape[1]):
            dX += dZ[:, o : o + 1] * W[:, o]
        return {"Z": X @ W + b, "dW": X.T @ dZ, "db": dZ.sum(axis=0), "dX": dX}

    inputs = Inputs.of(bp.Spec(LINEAR).derivation, ("Z", "dW", "db", "dX"))
    case = make_case(inputs, {"n": 40, "i": 3, "o": 40}, "float64", "normal", 3)
    small = replace(case, inputs={n: a * tiny for n, a in case.inputs.items()})
    for elementary in (1.0, 4.0):
        subject = replace(adapt(loaded(layer)), elementary=elementary)
        seen = observe(subject, Settings(only=(small,), controls=False))

        assert {j.state.value for js in seen.judgements.values() for j in js} == {"right"}
