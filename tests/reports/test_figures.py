from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.reports import figures
from backproof.reports.finding import Check, Derived, Evidence, Finding, Shapes, Verdict
from tests.reports.samples import refuted
from tests.reports.strategies import evidence, findings

QUICK = settings(max_examples=50, deadline=None)


def _value(name: str, equation: str, verdict: Verdict = Verdict.HOLDS) -> Finding:
    return Finding(
        id=name,
        check=Check.GRADIENT,
        verdict=verdict,
        quantity=name,
        derived=Derived(index=equation),
    )


def _shape(name: str, expected: str, got: str, verdict: Verdict = Verdict.HOLDS) -> Finding:
    return Finding(
        id=f"{name}/shape",
        check=Check.SHAPE,
        verdict=verdict,
        quantity=name,
        shapes=Shapes(expected=expected, got=got),
    )


LAYER = [
    _value("Z", "Z[n,o] = sum[i](X[n,i]*W[i,o]) + b[o]"),
    _shape("Z", "(n, o)", "(n, o)"),
    _value("dW", "dW[i,o] = sum[n](dZ[n,o]*X[n,i])", Verdict.REFUTED),
    _shape("dW", "(i, o)", "(o, i)", Verdict.REFUTED),
    _value("dX", "dX[n,i] = sum[o](dZ[n,o]*W[i,o])"),
    _shape("dX", "(n, i)", "(n, i)"),
]


def _of(rows: list[Evidence]) -> list[Finding]:
    return [Finding(id="1", check=Check.GRADIENT, verdict=Verdict.HOLDS, evidence=rows)]


@QUICK
@given(st.lists(evidence(st.floats()), max_size=30))
def test_every_point_stands_in_the_frame(rows: list[Evidence]) -> None:
    plot = figures.errors(_of(rows))
    measured = [
        row
        for row in rows
        if row.error is not None
        and row.bound is not None
        and 0 <= row.error < math.inf
        and 0 <= row.bound < math.inf
    ]

    assert (plot is None) == (len(measured) < 2)
    if plot is not None:
        assert len(plot.points) == len(measured)
        for point in plot.points:
            assert plot.left <= point.x <= plot.right
            assert plot.top <= point.y <= plot.bottom
        for tick in plot.x_ticks:
            assert plot.left <= tick.at <= plot.right
        for tick in plot.y_ticks:
            assert plot.top <= tick.at <= plot.bottom


exponents = st.integers(-20, 5)


@QUICK
@given(st.lists(st.tuples(exponents, exponents), min_size=2, max_size=8))
def test_a_point_lies_above_the_line_where_its_error_exceeds_its_bound(
    pairs: list[tuple[int, int]],
) -> None:
    rows = [Evidence(oracle="o", error=10.0**e, bound=10.0**b) for e, b in pairs]
    plot = figures.errors(_of(rows))
    assert plot is not None
    if plot.line is None:
        # No error that the plot shows is a bound that it shows: all points are on one side.
        assert len({error > bound for error, bound in pairs}) == 1
        return
    x1, y1, x2, y2 = plot.line

    for (error, bound), point in zip(pairs, plot.points, strict=True):
        if x1 <= point.x <= x2 and error != bound:
            # With at most 27 decades each is 8 units or more, and the line's slope at most 10:
            # rounding places to tenths moves nothing by as much.
            on_line = y1 + (point.x - x1) / (x2 - x1) * (y2 - y1)
            assert (point.y < on_line) == (error > bound)


def test_zeros_stand_on_the_axes() -> None:
    rows = [
        Evidence(oracle="a", error=0.0, bound=1e-15),
        Evidence(oracle="b", error=1e-16, bound=0.0),
    ]
    plot = figures.errors(_of(rows))
    assert plot is not None

    assert plot.points[0].y == plot.bottom
    assert plot.points[1].x == plot.left
    assert plot.x_ticks[0].label == plot.y_ticks[0].label == "0"


def test_a_flow_ends_at_the_first_wrong_step() -> None:
    flow = figures.flow(LAYER)
    assert flow is not None

    assert [(s.result.name, s.result.shape, s.result.got) for s in flow.steps] == [
        ("Z", "(n, o)", None),
        ("dW", "(i, o)", "(o, i)"),
    ]
    assert [[(b.name, b.shape) for b in s.operands] for s in flow.steps] == [
        [("X", "(n, i)"), ("W", "(i, o)"), ("b", "(o,)")],
        [("dZ", "(n, o)"), ("X", "(n, i)")],
    ]
    assert [s.result.wrong for s in flow.steps] == [False, True]


def test_a_flow_of_what_holds_has_every_step() -> None:
    flow = figures.flow([f for f in LAYER if f.quantity != "dW"])
    assert flow is not None

    assert [step.result.name for step in flow.steps] == ["Z", "dX"]


def test_operators_and_deltas_are_no_operands() -> None:
    found = figures.flow(
        [
            _value("dS", "dS[n,o] = softmax[o](S[n,o])*(dP[n,o] - sum[k](delta[o,k]*f'(V[k])))"),
            _shape("dS", "(n, o)", "(n, o)"),
        ]
    )
    assert found is not None

    assert [box.name for box in found.steps[0].operands] == ["S", "dP", "V"]


@QUICK
@given(st.lists(findings(), max_size=4))
def test_whatever_findings_hold_a_flow_stays_in_its_picture(some: list[Finding]) -> None:
    flow = figures.flow(some)
    if flow is None:
        return
    for step in flow.steps:
        boxes = [*step.operands, step.result]
        for left, right in pairwise(boxes):
            assert left.x + left.width < right.x
        for box in boxes:
            assert 0 <= box.x <= box.x + box.width <= flow.width
            assert 0 <= box.y <= box.y + box.height <= flow.height


def test_without_shapes_there_is_no_flow() -> None:
    assert figures.flow([f for f in refuted().findings if f.check is not Check.SHAPE]) is None
