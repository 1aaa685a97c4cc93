from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from backproof.reports import render_json, render_terminal
from backproof.reports.escape import is_unsafe
from backproof.reports.finding import (
    Check,
    Counterexample,
    Derived,
    Evidence,
    Finding,
    Report,
    Verdict,
    Where,
)
from backproof.reports.wording import NEEDS_BLOCK
from tests.reports.samples import SAMPLES, bundled, hostile, refuted
from tests.reports.strategies import derivations, reports

QUICK = settings(max_examples=60, deadline=None)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_UNDERLINE = re.compile(r" +(\^+|\++)")
any_report = reports(st.floats()) | derivations
widths = st.integers(20, 160)
booleans = st.booleans()


@QUICK
@given(any_report, widths, booleans, booleans)
@example(hostile(), 40, True, False)
@example(hostile(), 80, False, False)
def test_no_line_is_wider_than_asked(
    report: Report, width: int, unicode: bool, quiet: bool
) -> None:
    shown = render_terminal.render(report, width=width, color=False, unicode=unicode, quiet=quiet)

    assert max(map(cell_len, shown.split("\n"))) <= max(width, 40)


@QUICK
@given(any_report, widths, booleans)
@example(hostile(), 80, False)
def test_nothing_that_a_terminal_obeys_gets_through(
    report: Report, width: int, quiet: bool
) -> None:
    shown = render_terminal.render(report, width=width, color=False, quiet=quiet)

    assert [c for c in shown if is_unsafe(c) and c != "\n"] == []


@QUICK
@given(any_report, widths, booleans)
@example(hostile(), 80, True)
def test_colour_adds_colour_and_nothing_else(report: Report, width: int, quiet: bool) -> None:
    plain = render_terminal.render(report, width=width, color=False, quiet=quiet)
    coloured = render_terminal.render(report, width=width, color=True, quiet=quiet)

    assert COLOUR.sub("", coloured) == plain


@QUICK
@given(any_report, widths)
@example(hostile(), 80)
def test_ascii_is_ascii(report: Report, width: int) -> None:
    assert render_terminal.render(report, width=width, color=False, unicode=False).isascii()


@QUICK
@given(any_report)
def test_a_report_read_back_looks_the_same(report: Report) -> None:
    again = render_json.read(render_json.render(report))

    assert render_terminal.render(again, width=80, color=False) == render_terminal.render(
        report, width=80, color=False
    )


@QUICK
@given(reports(), booleans)
def test_the_last_line_counts_every_verdict(report: Report, quiet: bool) -> None:
    shown = render_terminal.render(report, width=120, color=False, quiet=quiet)
    _, outcome, *counted = re.split(r"[:,] |^\S ", shown.rstrip("\n").split("\n")[-1])

    assert sorted(counted) == sorted(f"{n} {verdict}" for verdict, n in report.counts.items())
    assert (outcome == "not ok") == (not report.ok)


@QUICK
@given(reports(), booleans)
def test_whatever_does_not_hold_has_a_headline(report: Report, quiet: bool) -> None:
    shown = render_terminal.render(report, width=160, color=False, quiet=quiet)

    for finding in report.findings:
        if finding.verdict in NEEDS_BLOCK:
            assert re.search(rf"^\S {finding.verdict}  ", shown, re.MULTILINE)


def test_a_run_without_findings_is_not_called_ok() -> None:
    shown = render_terminal.render(Report(command="verify", version="1"), width=80, color=False)

    assert shown.splitlines()[-1].startswith("? nothing checked: 0 holds, 0 refuted")


def test_many_subjects_take_a_line_each() -> None:
    report = bundled()
    lines = render_terminal.render(report, width=80, color=False).split("\n")

    for subject in {finding.subject for finding in report.findings}:
        assert len([line for line in lines if line.startswith(f"{subject} ")]) == 1


def test_the_headline_is_one_line_with_verdict_quantity_mistake_and_place() -> None:
    shown = render_terminal.render(refuted(), width=80, color=False)

    assert "\n✗ refuted  dW  operands swapped  layers.py:12:9\n" in shown


@pytest.mark.parametrize("width", [40, 44, 50, 60, 70, 80, 100, 160])
def test_narrow_terminals_lose_no_evidence(width: int) -> None:
    shown = render_terminal.render(refuted(), width=width, color=False)
    words = shown.split()

    for finding in refuted().findings:
        for item in finding.evidence if finding.verdict is Verdict.REFUTED else []:
            assert item.oracle in words
            assert [word for word in words if word == f"{item.bound}"] or not item.bound
            assert str(item.cases) in words or item.cases is None


@pytest.mark.parametrize("width", [40, 44, 50, 60, 70, 80, 100, 160])
def test_narrow_terminals_show_a_sign_for_each_subject(width: int) -> None:
    report = SAMPLES["undecided"]()
    lines = render_terminal.render(report, width=width, color=False).split("\n")

    for subject, sign in (("First", "?"), ("Second", "✗"), ("Broken", "E")):
        (row,) = [line for line in lines if line.startswith(f"blocks.py:{subject} ")]
        assert sign in row.split()


def test_quiet_leaves_out_programs_and_tables_but_no_block() -> None:
    full = render_terminal.render(refuted(), width=80, color=False)
    quiet = render_terminal.render(refuted(), width=80, color=False, quiet=True)

    assert "import numpy" in full
    assert "import numpy" not in quiet
    assert "mutation ✓" in full
    assert "mutation ✓" not in quiet
    assert quiet.count("✗ refuted  ") == full.count("✗ refuted  ") == 3


def test_the_same_finding_about_several_subjects_is_one_block() -> None:
    shown = render_terminal.render(SAMPLES["undecided"](), width=80, color=False)

    assert shown.count("? unknown  dX  gradient\n") == 1
    assert "  in blocks.py:First, blocks.py:Second\n" in shown


def test_joined_findings_keep_all_their_places() -> None:
    findings = [
        Finding(
            id=f"{line}",
            check=Check.GRADIENT,
            verdict=Verdict.REFUTED,
            quantity="dW",
            subject=f"layer {line}",
            where=Where(file="a.py", line=line),
        )
        for line in (1, 2, 3)
    ]
    report = Report(command="verify", version="1", findings=findings)
    shown = render_terminal.render(report, width=80, color=False)

    assert (
        "✗ refuted  dW  gradient  a.py:1\n  in layer 1, layer 2, layer 3\n  a.py:2\n  a.py:3\n"
    ) in shown


@pytest.mark.parametrize(
    ("statement", "correction", "underlined"),
    [
        ("dW = X @ dZ", "dW = X.T @ dZ", "+.T"),
        ("dX = dZ @ W.T", "dX = dZ @ W", "^.T"),
        ("    db = dZ.mean(0)", "db = dZ.sum(0)", "^mean"),
        ("dZ = dA", "dZ = dA * g'(Z)", "+* g'(Z)"),
    ],
)
def test_the_difference_is_underlined(statement: str, correction: str, underlined: str) -> None:
    shown = _rendered(statement=statement, correction=correction)
    ((above, below),) = [pair for pair in pairwise(shown) if _UNDERLINE.fullmatch(pair[1])]
    start, stop = len(below) - len(below.lstrip()), len(below)

    assert below[start] + above[start:stop] == underlined


@pytest.mark.parametrize(
    ("statement", "correction"), [("a", "b"), ("a = b", "a =  b"), ("a = b", "a = b"), ("a", "")]
)
def test_where_underlining_would_say_nothing_it_is_left_out(
    statement: str, correction: str
) -> None:
    shown = _rendered(statement=statement, correction=correction)

    assert [line for line in shown if _UNDERLINE.fullmatch(line)] == []


def test_what_follows_is_the_derived_equation_when_there_is_no_correction() -> None:
    shown = _rendered(statement="dW = X dZ", derived=Derived(matrix="dW = dZ^T X"))

    assert "  follows:  dW = dZ^T X" in shown


def test_a_value_of_zero_is_shown_as_a_value() -> None:
    case = Counterexample(sizes={"n": 1}, expected=1, got=0)
    shown = _rendered(counterexample=case)

    assert "    expected dW    got dW" in shown
    assert "    1              0✗" in shown


def test_quiet_still_names_what_could_not_be_read() -> None:
    for name in ("undecided", "document"):
        report = SAMPLES[name]()
        shown = render_terminal.render(report, width=160, color=False, quiet=True)

        for finding in report.findings:
            assert finding.verdict is not Verdict.UNREAD or (finding.statement or "-") in shown


@pytest.mark.parametrize("color", [False, True])
def test_the_environment_changes_nothing(color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    before = render_terminal.render(refuted(), width=90, color=color)
    for name, value in (
        ("NO_COLOR", "1"),
        ("FORCE_COLOR", "1"),
        ("TERM", "dumb"),
        ("COLUMNS", "33"),
        ("LINES", "2"),
        ("TTY_COMPATIBLE", "0"),
        ("COLORTERM", "truecolor"),
    ):
        monkeypatch.setenv(name, value)

    assert render_terminal.render(refuted(), width=90, color=color) == before


def test_undecided_oracles_are_not_counted_as_agreeing() -> None:
    shown = _rendered(evidence=[Evidence(oracle="exact")])

    assert "  evidence  exact  ? undecided" in shown


def test_rich_is_loaded_to_render_and_not_before() -> None:
    assert _loads_rich("import backproof.reports.registry") == "False"
    assert (
        _loads_rich(
            "from backproof.reports import finding, registry\n"
            "registry.renderers['text'](finding.Report(command='verify', version='1'))"
        )
        == "True"
    )


def _loads_rich(program: str) -> str:
    program += "\nimport sys\nprint('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return done.stdout.strip() or done.stderr


def _rendered(**content: Any) -> list[str]:
    finding = Finding(
        id="1", check=Check.GRADIENT, verdict=Verdict.REFUTED, quantity="dW", **content
    )
    report = Report(command="compare", version="1", findings=[finding])
    return render_terminal.render(report, width=80, color=False).split("\n")
