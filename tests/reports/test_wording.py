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
    Derived,
    Evidence,
    Finding,
    Mistake,
    MistakeKind,
    Report,
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
