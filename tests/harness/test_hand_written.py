"""Hand-written layers in the styles of many authors: right ones hold, wrong ones are refuted.

The labels of the files are verified by ``tests/meta`` against a reference of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import backproof as bp
from backproof import verifying
from backproof.adapters.registry import adapt
from backproof.cases import Case, Inputs
from backproof.checking import BAD, Checker
from backproof.loading import load
from backproof.reports.finding import Check, Verdict
from backproof.verifying import Settings, observe
from tests.layer_headers import LayerCase, all_layers

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

HERE = Path(__file__).parent.parent
RIGHT = all_layers(HERE / "right_layers")
WRONG = all_layers(HERE / "wrong_layers")
VALUES = (Check.GRADIENT, Check.FORWARD, Check.SHAPE, Check.NONFINITE)
EXAMPLES = 1000


def verified(case: LayerCase, examples: int) -> bp.Report:
    return bp.verify(
        case.address,
        scale="mean" if case.scale == "mean" else None,
        accumulate=case.dtype_policy,
        examples=examples,
    )


def named(case: LayerCase) -> str:
    return case.path.stem


def test_there_are_enough_of_them() -> None:
    assert len(RIGHT) >= 30
    assert len(WRONG) >= 30


def at_one_place(case: LayerCase) -> Any:
    """A layer for the worker that runs all of its layout and activation."""
    group = f"{case.layout} {case.activation}"
    return pytest.param(case, id=named(case), marks=pytest.mark.xdist_group(group))


@pytest.fixture(scope="module")
def shared() -> Iterator[None]:
    """Cases and right values are worked out once for all layers that state the same."""
    drawn: dict[str, list[Case]] = {}
    right: dict[tuple[Any, ...], tuple[Case, Any]] = {}
    draw, reference = verifying._cases, Checker.reference

    def cases(inputs: Inputs, wanted: Settings) -> list[Case]:
        key = repr((replace(inputs, program=None), inputs.free_axes, wanted))
        if key not in drawn:
            drawn[key] = list(draw(inputs, wanted))
        return drawn[key]

    def remembered(checker: Checker, case: Case) -> Any:
        spec, subject = checker.subject.spec, checker.subject
        stated = spec.text, repr(spec.functions), spec.scale, subject.upstream, subject.accumulate
        key = (*stated, checker.wanted, id(case))
        if key not in right:
            # The case is kept, so that no other one gets its identity.
            right[key] = case, reference(checker, case)
        return right[key][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verifying, "_cases", cases)
        patch.setattr(Checker, "reference", remembered)
        yield


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("case", [at_one_place(case) for case in RIGHT])
def test_no_case_of_a_right_layer_is_called_wrong(case: LayerCase) -> None:
    subject = adapt(load(case.address), scale=case.scale)
    subject = replace(subject, accumulate=case.dtype_policy)

    seen = observe(subject, Settings(examples=EXAMPLES, controls=False))

    judged = [j for js in seen.judgements.values() for j in js]
    assert [(j.quantity, j.case, j.note) for j in judged if j.state in BAD] == []
    assert len([j for j in judged if j.quantity == "dX"]) >= 0.9 * EXAMPLES
    assert (seen.mutated, seen.unsteady) == ({}, {})


@pytest.mark.no_cover
@pytest.mark.parametrize("case", RIGHT, ids=named)
def test_a_right_layer_holds(case: LayerCase) -> None:
    report = verified(case, 60)

    assert [f for f in report.findings if f.verdict in (Verdict.REFUTED, Verdict.ERROR)] == []
    held = {f.quantity for f in report.findings if f.verdict is Verdict.HOLDS}
    assert {"dX"} <= held
    assert report.ok


@pytest.mark.no_cover
@pytest.mark.parametrize("case", WRONG, ids=named)
def test_a_wrong_layer_is_refuted_in_the_right_quantity_by_name(case: LayerCase) -> None:
    report = verified(case, 120)

    refuted = [f for f in report.findings if f.verdict is Verdict.REFUTED and f.check in VALUES]
    assert {f.quantity for f in refuted} == set(case.quantities)
    kinds = {f.mistake.kind.value for f in refuted if f.mistake is not None}
    assert kinds & {*case.mistakes, *case.also}
    assert not report.ok
    for finding in refuted:
        if finding.check in (Check.GRADIENT, Check.FORWARD):
            assert finding.correction
            ast.parse(finding.correction)
            example = finding.counterexample
            assert example is not None
            assert example.expected != example.got
