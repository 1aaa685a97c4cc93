from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from junitparser import JUnitXml, TestCase, TestSuite

from backproof.reports import render_junit
from backproof.reports.finding import Check, Finding, Report, Verdict
from tests.reports.samples import SAMPLES, hostile, refuted, undecided
from tests.reports.strategies import derivations, reports

QUICK = settings(max_examples=60, deadline=None)
RESULTS = {
    Verdict.HOLDS: [],
    Verdict.ASSUMES: [],
    Verdict.REFUTED: ["Failure"],
    Verdict.ERROR: ["Error"],
    Verdict.UNKNOWN: ["Skipped"],
    Verdict.UNREAD: ["Skipped"],
}
# XML 1.0, section 2.2: what a document may not hold, not even as a reference.
NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _suites(report: Report) -> list[TestSuite]:
    document = render_junit.render(report)
    assert NO_XML.search(document) is None
    return list(JUnitXml.fromstring(document.encode()))


def _cases(report: Report) -> list[TestCase]:
    return [case for suite in _suites(report) for case in suite]


@QUICK
@given(reports() | derivations)
def test_whatever_a_report_holds_each_finding_is_a_case_with_its_verdict(report: Report) -> None:
    suites = _suites(report)
    results = [[type(r).__name__ for r in case.result] for suite in suites for case in suite]

    assert sorted(results) == sorted(RESULTS[f.verdict] for f in report.findings)
    for suite in suites:
        kinds = [type(r).__name__ for case in suite for r in case.result]
        stated = (suite.tests, suite.failures, suite.errors, suite.skipped)
        counted = [kinds.count(kind) for kind in ("Failure", "Error", "Skipped")]
        assert stated == (len(list(suite)), *counted)


def test_a_case_is_named_by_subject_check_and_quantity() -> None:
    first = _cases(refuted())[0]

    assert (first.classname, first.name) == ("layers.py:LayerDense", "gradient dW")
    assert first._elem.get("file") == "layers.py"
    assert first._elem.get("line") == "12"


def test_names_tell_the_cases_of_a_subject_apart() -> None:
    names = [(case.classname, case.name) for case in _cases(SAMPLES["bundled"]())]

    assert len(set(names)) == len(names)


def test_a_failure_says_what_is_wrong_and_what_to_write() -> None:
    (failure,) = _cases(refuted())[0].result

    assert failure.message == "dW refuted: operands swapped"
    assert failure.type == "gradient/operands-swapped"
    assert failure.text.splitlines()[:3] == [
        "layers.py:12:9",
        "written:  self.dW = np.dot(dZ.T, self.inputs)",
        "follows:  self.dW = np.dot(self.inputs.T, dZ)",
    ]


def test_what_is_skipped_says_why_in_its_message() -> None:
    skipped = [r for case in _cases(undecided()) for r in case.result if r.type == "gradient"]

    assert skipped[0].message.startswith("unknown: The layer calls a function that")


def test_what_holds_under_an_assumption_passes_and_says_so() -> None:
    (assumed,) = [c for c in _cases(undecided()) if c.classname.startswith("losses.py")]

    assert assumed.result == []
    assert assumed.system_out.startswith("assumes: ")
    assert "holds if sum[o](Y[n,o]) = 1" in assumed.system_out


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\ufffe", "\uffff", "\ud800", "\x85", "\u202e"])
def test_characters_that_xml_lacks_are_spelt_out(sign: str) -> None:
    finding = Finding(
        id="1",
        check=Check.CRASH,
        verdict=Verdict.ERROR,
        subject=f"a{sign}",
        message=f"b{sign}<]]>&",
    )
    (case,) = _cases(Report(command="verify", version="0", findings=[finding]))
    spelt = f"\\x{ord(sign):02x}" if ord(sign) < 256 else f"\\u{ord(sign):04x}"

    assert case.classname == f"a{spelt}"
    assert case.result[0].text == f"b{spelt}<]]>&"


def test_hostile_text_is_read_back_as_text() -> None:
    texts = [r.text for case in _cases(hostile()) for r in case.result]

    assert all("<script>alert(1)</script>" in text for text in texts)
    assert len(texts) == 4


def test_long_texts_are_cut() -> None:
    huge = "\u202e<" * 2_000_000
    finding = Finding(
        id="1", check=Check.CRASH, verdict=Verdict.ERROR, subject=huge, message=huge, notes=[huge]
    )
    report = Report(command="verify", version=huge, findings=[finding])

    assert len(render_junit.render(report)) < 200_000
