from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backproof.reports import render_json
from backproof.reports.errors import ReportError
from backproof.reports.escape import is_unsafe
from backproof.reports.finding import (
    Check,
    Control,
    Counterexample,
    Evidence,
    Finding,
    Report,
    Verdict,
)
from tests.reports.samples import SAMPLES, hostile, refuted
from tests.reports.schema import violations
from tests.reports.strategies import derivations, reports

QUICK = settings(max_examples=60, deadline=None)
any_report = reports(st.floats()) | derivations


@QUICK
@given(reports() | derivations)
@example(refuted())
def test_what_is_written_is_read_back(report: Report) -> None:
    assert render_json.read(render_json.render(report)) == report


@QUICK
@given(any_report)
@example(hostile())
def test_reading_and_writing_again_changes_nothing(report: Report) -> None:
    text = render_json.render(report)

    assert render_json.render(render_json.read(text)) == text


@QUICK
@given(any_report)
@example(hostile())
def test_it_is_strict_json_without_characters_that_a_terminal_obeys(report: Report) -> None:
    text = render_json.render(report)
    json.loads(text, parse_constant=_refuse)

    assert text.endswith("}\n")
    assert text.encode("utf-8").decode("utf-8") == text
    assert [c for c in text if is_unsafe(c) and c != "\n"] == []


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@QUICK
@given(any_report)
@example(hostile())
def test_it_satisfies_its_own_schema(report: Report) -> None:
    assert violations(json.loads(render_json.render(report)), render_json.schema()) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"schema": "backproof/2"}, "$.schema"),
        ({"ok": "yes"}, "$.ok"),
        ({"counts": {"holds": "1"}}, "$.counts.holds"),
        ({"surplus": 1}, "$"),
        ({"notes": [1]}, "$.notes[0]"),
        ({"findings": [{"id": "1", "check": "gradient"}]}, "$.findings[0]"),
        ({"findings": [{"id": "1", "check": "vibe", "verdict": "holds"}]}, "$.findings[0].check"),
        ({"controls": {"a": {"limit": {"dW": "huge"}}}}, "$.controls.a.limit.dW"),
        ({"gradients": []}, "$"),
    ],
)
def test_the_schema_refuses_what_is_no_report(change: dict[str, Any], place: str) -> None:
    document = {**json.loads(render_json.render(refuted())), **change}

    assert place in violations(document, render_json.schema())


def test_the_top_level_keys_are_those_of_the_contract_in_their_order() -> None:
    document = json.loads(render_json.render(refuted()))

    assert list(document) == [
        "schema",
        "command",
        "version",
        "ok",
        "counts",
        "findings",
        "environment",
        "controls",
        "notes",
    ]
    assert document["schema"] == "backproof/1"
    assert list(document["counts"]) == [
        "holds",
        "refuted",
        "assumes",
        "unknown",
        "unread",
        "error",
    ]


def test_a_derivation_has_gradients_in_place_of_findings() -> None:
    document = json.loads(render_json.render(SAMPLES["derivation"]()))

    assert list(document) == [
        "schema",
        "command",
        "version",
        "ok",
        "counts",
        "gradients",
        "environment",
    ]
    # The second gradient has no matrix form, and says so by leaving it out.
    assert "matrix" not in document["gradients"][1]


def test_keys_that_do_not_apply_are_left_out() -> None:
    bare = Finding(id="1", check=Check.CLAIM, verdict=Verdict.HOLDS)
    document = json.loads(render_json.render(_report(bare)))

    assert document["findings"] == [{"id": "1", "check": "claim", "verdict": "holds"}]
    assert "controls" not in document
    assert "notes" not in document


def test_results_of_zero_and_of_no_entries_are_kept() -> None:
    case = Counterexample(expected=0, got=[])
    finding = Finding(
        id="1",
        check=Check.GRADIENT,
        verdict=Verdict.REFUTED,
        counterexample=case,
        evidence=[Evidence(oracle="exact", agrees=False, error=0.0, cases=0)],
    )
    (found,) = json.loads(render_json.render(_report(finding)))["findings"]

    assert found["counterexample"] == {"expected": 0, "got": []}
    assert found["evidence"] == [{"oracle": "exact", "agrees": False, "error": 0.0, "cases": 0}]


def test_nan_and_infinities_are_strings_and_come_back_as_numbers() -> None:
    finding = Finding(
        id="1",
        check=Check.NONFINITE,
        verdict=Verdict.REFUTED,
        counterexample=Counterexample(inputs={"X": [[math.inf]]}, got=[math.nan, -math.inf]),
        evidence=[Evidence(oracle="exact", error=math.inf, bound=math.nan)],
    )
    report = _report(finding, controls={"dense": Control(limit={"dW": math.inf})})
    text = render_json.render(report)
    (found,) = json.loads(text)["findings"]
    (back,) = render_json.read(text).findings

    assert found["counterexample"] == {"inputs": {"X": [["inf"]]}, "got": ["nan", "-inf"]}
    assert found["evidence"] == [{"oracle": "exact", "error": "inf", "bound": "nan"}]
    assert back.counterexample is not None
    assert back.counterexample.inputs == {"X": [[math.inf]]}
    assert math.isnan(back.counterexample.got[0])
    assert back.counterexample.got[1] == -math.inf
    assert back.evidence[0].error == math.inf
    assert back.evidence[0].bound is not None
    assert math.isnan(back.evidence[0].bound)
    assert render_json.read(text).controls["dense"].limit == {"dW": math.inf}


def test_arrays_are_written_as_nested_lists() -> None:
    case = Counterexample(
        inputs={"X": np.array([[1.5, np.nan]], dtype=np.float32)},
        expected=np.float64(2.0),
        got=(np.int64(3), True),
    )
    finding = Finding(id="1", check=Check.GRADIENT, verdict=Verdict.REFUTED, counterexample=case)
    (found,) = json.loads(render_json.render(_report(finding)))["findings"]

    assert found["counterexample"] == {
        "inputs": {"X": [[1.5, "nan"]]},
        "expected": 2.0,
        "got": [3, True],
    }


def test_a_value_that_json_has_no_form_for_is_refused_by_its_type() -> None:
    with pytest.raises(ReportError, match="can't hold a value of type 'Fraction'"):
        render_json.render(_report(environment={"half": Fraction(1, 2)}))


def test_half_a_surrogate_pair_survives() -> None:
    report = _report(notes=["a file named \udcff"])

    assert render_json.read(render_json.render(report)) == report


def test_equal_reports_give_equal_texts_whatever_the_order_of_the_environment() -> None:
    one = _report(environment={"numpy": "2", "jax": "0"})
    other = _report(environment={"jax": "0", "numpy": "2"})

    assert render_json.render(one) == render_json.render(other)


def test_a_row_of_a_matrix_stays_on_one_line() -> None:
    rows = [[float(i * 40 + k) for k in range(12)] for i in range(12)]
    finding = Finding(
        id="1",
        check=Check.GRADIENT,
        verdict=Verdict.REFUTED,
        counterexample=Counterexample(expected=rows),
    )
    lines = render_json.render(_report(finding)).split("\n")

    assert [line.strip().rstrip(",") for line in lines if line.strip().startswith("[")] == [
        json.dumps(row) for row in rows
    ]


GOOD: dict[str, Any] = {
    "schema": "backproof/1",
    "command": "compare",
    "version": "1",
    "ok": False,
    "counts": {"refuted": 1},
    "findings": [{"id": "1", "check": "claim", "verdict": "refuted"}],
}


def test_a_report_without_what_may_be_left_out_is_read() -> None:
    report = render_json.read(json.dumps(GOOD))

    assert report == Report(
        command="compare",
        version="1",
        findings=[Finding(id="1", check=Check.CLAIM, verdict=Verdict.REFUTED)],
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "backproof/9"}, "a report of schema 'backproof/9', but this version reads"),
        ({"schema": None}, 'it has no "schema" key'),
        ({"schema": ["backproof/1"]}, r"a report of schema \['backproof/1'\]"),
        ({"counts": {"holds": 1}}, r"its counts \{'holds': 1\} contradict its findings"),
        ({"counts": {"maybe": 1}}, "Invalid enum value 'maybe'"),
        ({"ok": True}, 'its "ok" is true, but its findings say otherwise'),
        ({"findings": None}, "Expected `array`, got `null` - at `\\$.findings`"),
        ({"findings": [{"id": "1"}]}, "missing required field `check`"),
        ({"findings": 3}, "Expected `array`, got `int`"),
        ({"findings": [3]}, "Expected `object`, got `int`"),
        ({"findings": [{**GOOD["findings"][0], "evidence": 3}]}, "Expected `array`, got `int`"),
        ({"findings": [{**GOOD["findings"][0], "counterexample": 3}]}, "Expected `object . null`"),
        ({"controls": []}, "Expected `object`, got `array`"),
        ({"controls": {"a": 1}}, "Expected `object`, got `int`"),
        ({"controls": {"a": {"limit": {"dW": "tiny"}}}}, "Expected `float`, got `str`"),
        ({"colour": "red"}, "unknown field `colour`"),
        ({"gradients": []}, 'needs either "findings" or "gradients"'),
    ],
)
def test_a_wrong_report_is_refused_with_its_reason(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ReportError, match=message):
        render_json.read(json.dumps({**GOOD, **change}))


def test_neither_findings_nor_gradients_is_refused() -> None:
    document = {key: value for key, value in GOOD.items() if key != "findings"}

    with pytest.raises(ReportError, match='needs either "findings" or "gradients"'):
        render_json.read(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "broken JSON at line 1, column 1: Expecting value"),
        ('{"schema":\n  "backproof/1",,}', "broken JSON at line 2, column 17"),
        ('{"a": ' + "9" * 5000 + "}", "broken JSON: Exceeds the limit"),
        ("[" * 100_000, "broken JSON"),
        ("[]", "a JSON array, no object"),
        ("3", "a JSON number, no object"),
        ('"a"', "a JSON string, no object"),
        ("true", "a JSON boolean, no object"),
        ("null", "a JSON null, no object"),
    ],
)
def test_what_is_no_json_object_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        render_json.read(text)


@QUICK
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just("backproof/1"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["schema", "findings", "controls", "evidence", "limit", "id", "counts"]
                ),
                inner,
            )
        ),
    )
)
def test_no_json_makes_the_reader_fail_in_another_way(document: Any) -> None:
    with pytest.raises(ReportError):
        render_json.read(json.dumps(document))


def test_the_schema_can_be_written_as_json() -> None:
    schema = render_json.schema()

    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    # It is built anew each time: what one caller changes no other one sees.
    schema["$defs"].clear()
    assert render_json.schema()["$defs"]


def _report(*findings: Finding, **rest: Any) -> Report:
    return msgspec.structs.replace(
        Report(command="compare", version="1", findings=list(findings)), **rest
    )


def test_a_report_that_is_nested_too_deeply_is_refused() -> None:
    def nested(depth: int) -> str:
        case = "[" * depth + "1" + "]" * depth
        finding = '{"id": "1", "check": "claim", "verdict": "holds", '
        finding += f'"counterexample": {{"got": {case}}}}}'
        return (
            '{"schema": "backproof/1", "command": "verify", "version": "0", "ok": true, '
            f'"counts": {{"holds": 1}}, "findings": [{finding}], "environment": {{}}}}'
        )

    # The document, the findings, a finding and its counterexample are four levels.
    assert render_json.read(nested(96)).counts["holds"] == 1
    with pytest.raises(ReportError, match="nested deeper than 100 levels"):
        render_json.read(nested(97))
    with pytest.raises(ReportError, match="nested deeper than 100 levels"):
        render_json.read(nested(900))
