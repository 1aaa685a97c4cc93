from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.reports import wording
from backproof.reports.finding import (
    Check,
    Control,
    Counterexample,
    Derived,
    Evidence,
    Finding,
    Mistake,
    MistakeKind,
    Report,
    Shapes,
    Verdict,
    Where,
)


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (2, None, "2"),
        (2.0, None, "2"),
        (-0.0, None, "-0"),
        (0.1, None, "0.1"),
        (1 / 3, 6, "0.333333"),
        (1e-7, None, "1e-7"),
        (2.5e30, None, "2.5e+30".replace("+", "")),
        (math.nan, 6, "nan"),
        (-math.inf, None, "-inf"),
        (True, None, "True"),
        ("1/3", 6, "1/3"),
        ("\x1b", None, "\\x1b"),
        (10**14, None, "100000000000000"),
        (10**400, None, "1.000000e+400"),
    ],
)
def test_number(value: object, digits: int | None, written: str) -> None:
    assert wording.number(value, digits) == written


@given(st.floats(allow_nan=False))
def test_a_number_without_rounding_gives_itself_back(value: float) -> None:
    assert float(wording.number(value)) == value


@pytest.mark.parametrize(
    ("value", "written"), [(None, ""), (0.0, "0"), (3.14159e-16, "3.1e-16"), (math.inf, "inf")]
)
def test_measured(value: float | None, written: str) -> None:
    assert wording.measured(value) == written


@pytest.mark.parametrize(
    ("where", "place"),
    [
        (None, ""),
        (Where(), ""),
        (Where(file="a.py"), "a.py"),
        (Where(file="a.py", line=3), "a.py:3"),
        (Where(file="a.py", line=3, column=9), "a.py:3:9"),
        (Where(file="n.ipynb", cell=0, line=3, column=9), "n.ipynb:cell 0:3:9"),
        (Where(line=3, column=9), "line 3:9"),
        (Where(file="a.py", column=9), "a.py"),
    ],
)
def test_place(where: Where | None, place: str) -> None:
    assert wording.place(where) == place


@pytest.mark.parametrize(
    ("mistake", "title"),
    [
        (None, "gradient"),
        (Mistake(kind=MistakeKind.OTHER), "gradient"),
        (Mistake(kind=MistakeKind.MISSING_ACTIVATION_DERIVATIVE), "missing activation derivative"),
    ],
)
def test_title(mistake: Mistake | None, title: str) -> None:
    assert wording.title(_finding(mistake=mistake)) == title


def test_the_same_is_not_said_twice() -> None:
    kind = MistakeKind.WRONG_SCALE
    sentence, variant = "divides by n", "mean"

    assert wording.sentences(_finding(message=" \n")) == []
    assert wording.sentences(
        _finding(
            message="It divides by n, a mean.",
            mistake=Mistake(kind=kind, sentence=sentence, variant=variant),
        )
    ) == ["It divides by n, a mean."]
    assert wording.sentences(
        _finding(message="Wrong.", mistake=Mistake(kind=kind, sentence=sentence, variant=variant))
    ) == ["Wrong.", "divides by n", "variant: mean"]


@pytest.mark.parametrize(
    ("content", "follows"),
    [
        ({}, None),
        ({"correction": "a"}, "a"),
        ({"correction": "a", "derived": Derived(matrix="m"), "statement": "s"}, "a"),
        ({"derived": Derived(matrix="m", index="i"), "statement": "s"}, "m"),
        ({"derived": Derived(index="i"), "statement": "s"}, "i"),
        ({"derived": Derived(index="i")}, None),
        ({"derived": Derived(index="i"), "statement": "s", "verdict": Verdict.UNKNOWN}, None),
    ],
)
def test_what_follows(content: dict[str, Any], follows: str | None) -> None:
    assert wording.what_follows(_finding(**content)) == follows


@pytest.mark.parametrize(
    ("agrees", "answer"),
    [
        (True, (Verdict.HOLDS, "agrees")),
        (False, (Verdict.REFUTED, "disagrees")),
        (None, (Verdict.UNKNOWN, "undecided")),
    ],
)
def test_answer(agrees: bool | None, answer: tuple[Verdict, str]) -> None:
    assert wording.answer(Evidence(oracle="exact", agrees=agrees)) == answer


def test_the_worst_verdict_decides() -> None:
    assert set(wording.WORST_FIRST) == set(wording.SUMMARY_ORDER) == set(Verdict)
    assert wording.worst([Verdict.HOLDS, Verdict.ASSUMES]) is Verdict.ASSUMES
    assert wording.worst([Verdict.UNKNOWN, Verdict.HOLDS, Verdict.REFUTED]) is Verdict.REFUTED


@pytest.mark.parametrize(
    ("report", "outcome"),
    [
        (Report(command="verify", version="1"), "nothing checked"),
        (Report(command="derive", version="1", gradients=[]), "ok"),
    ],
)
def test_outcome_without_findings(report: Report, outcome: str) -> None:
    assert wording.outcome(report)[1] == outcome


@pytest.mark.parametrize("verdict", list(Verdict))
def test_outcome_follows_the_report(verdict: Verdict) -> None:
    report = Report(command="verify", version="1", findings=[_finding(verdict=verdict)])

    assert wording.outcome(report)[1] == ("ok" if report.ok else "not ok")


@pytest.mark.parametrize(
    ("shape", "written"),
    [([2, 3], "(2, 3)"), ([3], "(3,)"), ([], "()"), ("(i, o)", "(i, o)"), (None, "")],
)
def test_sizes(shape: object, written: str) -> None:
    assert wording.sizes(shape) == written


def test_negative_controls_are_summed_and_the_coarsest_limit_counts() -> None:
    fine = Control(planted=3, caught=2, equivalent=1, limit={"dW": 1e-15, "db": 2e-15})
    coarse = Control(planted=1, caught=1, limit={"dW": 1e-12})
    controls = {"fine": fine, "coarse": coarse}

    assert wording.planted_and_caught(controls) == "4 mistakes planted, 3 caught, 1 without effect"
    assert wording.planted_and_caught({"c": coarse}) == "1 mistake planted, 1 caught"
    assert wording.coarsest_limits(controls) == {"dW": 1e-12, "db": 2e-15}
    assert wording.all_caught(controls)
    assert not wording.all_caught({"c": Control(planted=1)})
    assert not wording.all_caught({"c": Control(planted=1, caught=1, missed=["dW"])})
    # One subject's surplus doesn't make up for what another one missed.
    assert not wording.all_caught({"a": Control(planted=1, caught=2), "b": Control(planted=1)})


def test_every_verdict_has_a_sign_of_its_own() -> None:
    for signs in (wording.UNICODE_SIGNS, wording.ASCII_SIGNS):
        assert len({signs.of(verdict) for verdict in Verdict} | {signs.nothing}) == 7
    assert "".join(wording.ASCII_SIGNS.of(verdict) for verdict in Verdict).isascii()


def _finding(**content: Any) -> Finding:
    settled = {"id": "1", "check": Check.GRADIENT, "verdict": Verdict.REFUTED}
    return Finding(**{**settled, **content})


DETAILED = Finding(
    id="1",
    check=Check.GRADIENT,
    verdict=Verdict.REFUTED,
    quantity="dW",
    statement="    dW = a\n      + b",
    correction="dW = c",
    message="the sum is wrong",
    mistake=Mistake(kind=MistakeKind.WRONG_SIGN),
    convention="ni,oi->no",
    assumption="n = 1",
    counterexample=Counterexample(sentence="dW is 1, not 2"),
    evidence=[Evidence(oracle="exact", agrees=False), Evidence(oracle="derived", agrees=True)],
    notes=["a note"],
)


def test_an_explanation_says_everything_in_lines() -> None:
    assert wording.explanation(DETAILED, 1000).splitlines() == [
        "written:  dW = a",
        "  + b",
        "follows:  dW = c",
        "the sum is wrong",
        "dW is 1, not 2",
        "holds if n = 1",
        "read as ni,oi->no",
        "against it: exact",
        "note: a note",
    ]


def test_an_explanation_of_a_shape_names_both_shapes() -> None:
    shapes = Shapes(expected="(i, o)", got="(o, i)")
    finding = Finding(id="1", check=Check.SHAPE, verdict=Verdict.REFUTED, shapes=shapes)

    assert wording.explanation(finding, 1000) == "expected (i, o), found (o, i)"


def test_each_part_of_an_explanation_is_cut() -> None:
    finding = Finding(id="1", check=Check.CRASH, verdict=Verdict.ERROR, message="x" * 50)

    assert wording.explanation(finding, 10) == "xxxxxxxxxx… (40 more characters)"


def test_a_headline_and_a_code_name_the_mistake() -> None:
    assert wording.headline(DETAILED) == "dW refuted: wrong sign"
    assert wording.code(DETAILED) == "gradient/wrong-sign"
    crash = Finding(id="1", check=Check.CRASH, verdict=Verdict.ERROR)
    assert wording.headline(crash) == "error: crash"
    assert wording.code(crash) == "crash"


@given(st.text(), st.text(), st.text(), st.text())
def test_a_change_gives_both_lines_back(before: str, gone: str, come: str, after: str) -> None:
    written, follows = before + gone + after, before + come + after
    changed = wording.change(written, follows)
    if changed is not None:
        assert changed.before + changed.gone + changed.after == written
        assert changed.before + changed.come + changed.after == follows


def test_a_change_is_of_whole_words() -> None:
    changed = wording.change("dw = dz.T @ inputs", "dw = dz.T @ input")

    assert changed == wording.Change("dw = dz.T @ ", "inputs", "input", "")
    assert wording.change("a", "b") is None


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ([], "Nothing was checked, which proves nothing."),
        (["holds", "holds"], "Of 2 answers, 2 hold; nothing is refuted."),
        (["holds"], "Of 1 answer, 1 holds; nothing is refuted."),
        (
            ["holds", "assumes", "unknown", "unread"],
            "Of 4 answers, 1 holds, 1 holds under an assumption, 1 could not be decided, "
            "1 could not be read; nothing is refuted.",
        ),
        (
            ["error", "holds", "refuted"],
            "Of 3 answers, 1 refuted and 1 failed: d2 (claim), d0 (claim).",
        ),
        (
            ["refuted"] * 6,
            "Of 6 answers, 6 refuted: d0 (claim), d1 (claim), d2 (claim), d3 (claim), and 2 more.",
        ),
    ],
)
def test_a_conclusion_is_one_sentence(verdicts: list[str], sentence: str) -> None:
    findings = [
        Finding(id=str(n), check=Check.CLAIM, verdict=Verdict(v), quantity=f"d{n}")
        for n, v in enumerate(verdicts)
    ]

    report = Report(command="verify", version="0", findings=findings)
    assert wording.conclusion(report) == sentence


def test_refuted_findings_are_read_first_and_keep_their_order() -> None:
    verdicts = ["holds", "error", "refuted", "unread", "refuted"]
    findings = [
        Finding(id=str(n), check=Check.CLAIM, verdict=Verdict(v)) for n, v in enumerate(verdicts)
    ]

    assert [f.id for f in wording.for_reading(findings)] == ["2", "4", "1", "3", "0"]
