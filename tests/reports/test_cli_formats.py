"""The files and the output of the command line, shown on ``backproof report`` and ``compare``."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

from backproof.cli.main import run
from backproof.reports import registry
from backproof.reports.finding import Report
from tests.reports.samples import SAMPLES, refuted

FORMS = ("json", "html", "markdown", "junit", "sarif")


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "BACKPROOF_FORMAT"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(list(arguments))
        return Ran(code, out.getvalue(), err.getvalue())

    return call


def _saved(report: Report, name: str = "results.json") -> str:
    Path(name).write_text(registry.renderer("json")(report), encoding="utf-8")
    return name


def _to_files(folder: str) -> list[str]:
    Path(folder).mkdir()
    return [part for form in FORMS for part in (f"--{form}", f"{folder}/{form}")]


def _texts(folder: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in Path(folder).iterdir()}


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - {"bundled"}))
def test_a_report_is_written_in_every_format(cli: Cli, name: str) -> None:
    report = SAMPLES[name]()
    ran = cli("report", _saved(report), *_to_files("out"))

    assert ran.err == ""
    assert _texts("out") == {form: registry.renderer(form)(report) for form in FORMS}


def test_what_a_run_wrote_is_written_again_from_its_json(cli: Cli) -> None:
    claims = ["dW = dZ^T X", "dZ = dA * (1 - A)"]
    first = cli("compare", *claims, "--given", "dense", "--activation", "tanh", *_to_files("first"))
    second = cli("report", "first/json", *_to_files("second"))

    assert first.code == second.code == 1
    assert _texts("first") == _texts("second")
    assert set(_texts("first")) == set(FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_a_dash_stands_for_standard_output_alone(cli: Cli, form: str) -> None:
    ran = cli("report", _saved(refuted()), f"--{form}", "-")

    assert ran.out == registry.renderer(form)(refuted())


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_cannot_be_written_is_named(cli: Cli, form: str) -> None:
    ran = cli("report", _saved(refuted()), f"--{form}", "missing/file")

    assert ran.code == 2
    assert "can't write 'missing/file': there is no folder" in ran.err


def test_annotations_are_printed_on_request(cli: Cli) -> None:
    ran = cli("report", _saved(refuted()), "--format", "github")

    assert ran == Ran(1, registry.renderer("github")(refuted()), "")


def test_annotations_are_what_github_gets_unless_something_else_is_asked_for(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = _saved(refuted())
    assert not cli("report", saved).out.startswith("::")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    assert cli("report", saved).out.startswith("::error ")
    assert not cli("report", saved, "--format", "text").out.startswith("::")
    assert json.loads(cli("report", saved, "--json", "-").out)["ok"] is False
    monkeypatch.setenv("BACKPROOF_FORMAT", "text")
    assert not cli("report", saved).out.startswith("::")
    monkeypatch.delenv("BACKPROOF_FORMAT")
    Path("pyproject.toml").write_text('[tool.backproof]\nformat = "text"\n', encoding="utf-8")
    assert not cli("report", saved).out.startswith("::")


def test_annotations_name_files_from_the_root_of_the_repository(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = _saved(refuted())
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path.parent))

    out = cli("report", saved, "--format", "github").out
    assert out.startswith(f"::error file={tmp_path.name}/layers.py,line=12,col=9,")


def test_the_summary_of_a_job_gets_the_markdown_after_what_it_has(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("summary.md").write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    saved = _saved(refuted())
    cli("report", saved)
    assert Path("summary.md").read_text() == "before\n"

    cli("report", saved, "--format", "github")
    written = registry.renderer("markdown")(refuted())
    assert Path("summary.md").read_text(encoding="utf-8") == f"before\n{written}"


def test_a_summary_is_never_so_large_that_it_is_dropped(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    finding = refuted().findings[0]
    report = Report(command="audit", version="0", findings=[finding] * 3)
    many = Report(
        command="compare", version="0", findings=[*report.findings * 200, *refuted().findings]
    )
    saved = _saved(many)
    for _ in range(2):
        cli("report", saved, "--format", "github")

    size = Path("summary.md").stat().st_size
    assert 800 * 1024 < size <= 900 * 1024
    assert "sections left out: there is no room for more here." in Path("summary.md").read_text()


def test_a_summary_that_cannot_be_written_changes_no_verdict(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "missing/summary.md")
    ran = cli("report", _saved(SAMPLES["bundled"]()), "--format", "github")

    assert ran.code == 0
    assert ran.err == (
        "warning: the job's summary is not written: "
        "can't write 'missing/summary.md': No such file or directory\n"
    )
