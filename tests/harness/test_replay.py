"""Failures are recorded, and run again at the case that showed them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import backproof as bp
from backproof.cli.main import run
from backproof.errors import UsageError
from backproof.isolation.supervisor import Limits
from backproof.recording import Failure, kept
from backproof.replaying import replay
from backproof.reports.finding import Report

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture
def layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(EXAMPLES / "layer_dense.py", tmp_path / "mine.py"))


def mend(layer: Path, wrong: str, right: str) -> None:
    text = layer.read_text(encoding="utf-8")
    assert wrong in text
    layer.write_text(text.replace(wrong, right), encoding="utf-8")


def recorded(layer: Path) -> list[Failure]:
    bp.verify(f"{layer}:LayerDense", examples=12, record=".backproof")
    return kept(Path(".backproof"), None)


def again(failures: list[Failure]) -> Report:
    return replay(failures, Limits(), "0")


def test_what_is_wrong_is_recorded_and_still_wrong(layer: Path) -> None:
    failures = recorded(layer)

    report = again(failures)

    assert {f.finding.quantity for f in failures} == {"dW", "dX"}
    assert {f.id for f in report.findings} == {f.id for f in failures}
    assert {f.verdict for f in report.findings} == {"refuted"}
    # The explanation is that of all cases, not of the one that is run again.
    before = {f.id: f.finding.mistake for f in failures}
    assert {f.id: f.mistake for f in report.findings} == before
    assert Path(".backproof/.gitignore").read_text(encoding="utf-8") == "*\n"


def test_what_is_mended_holds(layer: Path) -> None:
    failures = recorded(layer)
    mend(layer, "self.dw = dz @ self.a.T", "self.dw = self.a.T @ dz")

    report = again(failures)

    verdicts = {f.quantity or f.id.split("/")[1]: f.verdict for f in report.findings}
    assert verdicts == {"dW": "holds", "dX": "refuted"}


def test_what_is_wrong_otherwise_is_not_explained_as_before(layer: Path) -> None:
    failures = [f for f in recorded(layer) if f.id.endswith("/dX")]
    mend(layer, "self.dz = dz @ self.w", "self.dz = dz @ self.w.T + 2")

    (finding,) = again(failures).findings

    assert finding.verdict == "refuted"
    assert finding.mistake != failures[0].finding.mistake
    assert finding.statement == "self.dz = dz @ self.w.T + 2"


def test_a_new_run_replaces_what_was_recorded_of_a_layer(layer: Path) -> None:
    recorded(layer)
    mend(layer, "self.dw = dz @ self.a.T", "self.dw = self.a.T @ dz")

    assert {f.finding.quantity for f in recorded(layer)} == {"dX"}

    mend(layer, "self.dz = dz @ self.w", "self.dz = dz @ self.w.T")
    with pytest.raises(UsageError, match="no failure is recorded"):
        recorded(layer)


def test_names_of_failures(layer: Path) -> None:
    failures = recorded(layer)
    of_dw = next(f for f in failures if f.id.endswith("/dW"))

    assert kept(Path(".backproof"), of_dw.id) == [of_dw]
    assert kept(Path(".backproof"), of_dw.short) == [of_dw]
    assert kept(Path(".backproof"), "mine.py:LayerDense") == failures
    with pytest.raises(UsageError, match="recorded as 'dV'"):
        kept(Path(".backproof"), "dV")


def test_the_command(layer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["replay"]) == 2
    assert "no failure is recorded" in capsys.readouterr().err

    assert run(["verify", f"{layer}:LayerDense", "--examples", "12"]) == 1
    assert "backproof replay" in capsys.readouterr().err
    assert run(["replay", "dX"]) == 1
    assert "self.dz = dz @ self.w.T" in capsys.readouterr().out

    mend(layer, "self.dz = dz @ self.w", "self.dz = dz @ self.w.T")
    assert run(["replay", "dX"]) == 0


def test_a_damaged_record_is_named(layer: Path) -> None:
    recorded(layer)
    path = next(Path(".backproof/failures").glob("*.json"))
    path.write_text("{", encoding="utf-8")

    with pytest.raises(UsageError, match=path.name):
        kept(Path(".backproof"), None)
