from __future__ import annotations

import math

import pytest

from backproof.reports import grids
from backproof.reports.finding import Check, Evidence, Finding, Verdict

HOLDS, REFUTED, UNKNOWN = Verdict.HOLDS, Verdict.REFUTED, Verdict.UNKNOWN


def _finding(
    check: Check,
    quantity: str | None = None,
    verdict: Verdict = HOLDS,
    subject: str | None = "dense",
    evidence: list[Evidence] | None = None,
) -> Finding:
    return Finding(
        id="1",
        check=check,
        quantity=quantity,
        verdict=verdict,
        subject=subject,
        evidence=evidence or [],
    )


DENSE = [
    _finding(Check.MUTATION),
    _finding(Check.GRADIENT, "dW", REFUTED),
    _finding(Check.GRADIENT, "db", evidence=[Evidence(oracle="exact", cases=20)]),
    _finding(Check.FORWARD, "Z"),
    _finding(Check.SHAPE, "dW", UNKNOWN),
    _finding(Check.SHAPE, "db"),
    _finding(Check.ALIASING, verdict=UNKNOWN),
]


@pytest.mark.parametrize(
    ("detail", "columns", "cells", "merged"),
    [
        (
            2,
            ["forward", "dW", "db", "shape", "mutation", "aliasing"],
            [[HOLDS], [REFUTED], [HOLDS], [UNKNOWN, HOLDS], [HOLDS], [UNKNOWN]],
            [],
        ),
        (
            1,
            ["forward", "dW", "db", "shape", "others"],
            [[HOLDS], [REFUTED], [HOLDS], [UNKNOWN, HOLDS], [HOLDS, UNKNOWN]],
            ["mutation", "aliasing"],
        ),
        (
            0,
            ["forward", "gradients", "shape", "others"],
            [[HOLDS], [REFUTED, HOLDS], [UNKNOWN, HOLDS], [HOLDS, UNKNOWN]],
            ["mutation", "aliasing"],
        ),
        (
            -1,
            ["all checks"],
            [[HOLDS, REFUTED, HOLDS, HOLDS, UNKNOWN, HOLDS, UNKNOWN]],
            ["forward", "gradient", "shape", "mutation", "aliasing"],
        ),
    ],
)
def test_a_subject_s_row(
    detail: int, columns: list[str], cells: list[list[Verdict]], merged: list[str]
) -> None:
    grid = grids.subjects_grid({"dense": DENSE}, detail=detail)

    assert grid == grids.Grid(columns, [grids.Row("dense", cells, 20, None)], merged)


def test_a_single_check_is_not_hidden_behind_others() -> None:
    grid = grids.subjects_grid({"dense": DENSE[:-1]}, detail=1)

    assert grid.columns == ["forward", "dW", "db", "shape", "mutation"]
    assert grid.merged == []


def test_the_rows_of_one_subject_are_its_quantities() -> None:
    grid = grids.quantities_grid(DENSE)

    assert grid.columns == ["value", "shape"]
    assert [(row.name, row.cells) for row in grid.rows] == [
        ("dW", [[REFUTED], [UNKNOWN]]),
        ("db", [[HOLDS], [HOLDS]]),
        ("Z", [[HOLDS], []]),
    ]
    assert grids.quantities_grid(DENSE, merge=True).columns == ["all checks"]
    assert grids.overall(DENSE) == [("mutation", HOLDS), ("aliasing", UNKNOWN)]


def test_findings_without_a_subject_concern_the_whole_run() -> None:
    groups = grids.by_subject([_finding(Check.ORACLE, subject=None), _finding(Check.FORWARD)])

    assert list(groups) == ["the run as a whole", "dense"]


def test_families_are_asked_the_same_questions() -> None:
    groups = {
        **{
            f"dense {i}": [_finding(Check.GRADIENT, "dW"), _finding(Check.GRADIENT, "dX")]
            for i in range(4)
        },
        **{f"no weights {i}": [_finding(Check.GRADIENT, "dX")] for i in range(3)},
        **{f"loss {i}": [_finding(Check.GRADIENT, "dP")] for i in range(3)},
    }

    assert [[name[:-2] for name in family] for family in grids.families(groups)] == [
        ["dense"] * 4 + ["no weights"] * 3,
        ["loss"] * 3,
    ]
    few = dict(list(groups.items())[3:9])
    assert grids.families(few) == [few]


def test_findings_that_say_the_same_of_several_subjects_are_joined() -> None:
    one, other = _finding(Check.GRADIENT, "dX"), _finding(Check.GRADIENT, "dX", subject="other")
    third = _finding(Check.GRADIENT, "dX", REFUTED)

    assert grids.alike([one, third, other]) == [(one, [one, other]), (third, [third])]


@pytest.mark.parametrize(
    ("error", "bound", "closeness"),
    [
        (1.0, 4.0, 0.25),
        (math.inf, 4.0, math.inf),
        (1.0, math.inf, 0.0),
        (0.0, 0.0, None),
        (None, 1.0, None),
        (1.0, None, None),
        (math.nan, 1.0, None),
        (1.0, math.nan, None),
    ],
)
def test_closeness(error: float | None, bound: float | None, closeness: float | None) -> None:
    assert grids.closeness(Evidence(oracle="exact", error=error, bound=bound)) == closeness
