"""The figures of a page, laid out: what stands where, for a template to draw.

Lengths are in the units of a picture's own coordinate system, about a pixel each.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from backproof.reports import wording
from backproof.reports.escape import clipped, visible
from backproof.reports.finding import Check, Evidence, Finding, Shapes, Verdict

# Errors against bounds

_WIDTH, _HEIGHT = 420, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 14, 46
_MOST_POINTS = 400
_MOST_TICKS = 6
_MARGIN = 0.5


class Tick(NamedTuple):
    """A mark on an axis: where it stands along it, and what it says."""

    at: float
    label: str


class Point(NamedTuple):
    """A point: its place, the verdict of the oracle that it stands for, and what it's of."""

    x: float
    y: float
    verdict: Verdict
    told: str


class Plot(NamedTuple):
    """Errors against bounds, both on logarithmic axes, with the line where they are equal."""

    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    line: tuple[float, float, float, float] | None
    points: list[Point]
    left_out: int


class _Axis(NamedTuple):
    """A logarithmic axis from ``10**low`` to ``10**high``; zero stands at its beginning."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def of(cls, values: Iterable[float], start: float, end: float) -> _Axis:
        logs = [math.log10(value) for value in values if value > 0]
        low, high = (min(logs), max(logs)) if logs else (-16.0, 0.0)
        return cls(math.floor(low - _MARGIN), math.ceil(high + _MARGIN), start, end)

    def place(self, value: float) -> float:
        part = 0.0 if value <= 0 else (math.log10(value) - self.low) / (self.high - self.low)
        return round(self.start + part * (self.end - self.start), 1)

    def ticks(self) -> list[Tick]:
        step = max(1, math.ceil((self.high - self.low) / _MOST_TICKS))
        powers = range(int(self.low) + step, int(self.high) + 1, step)
        # An axis may reach beyond what a float can hold, by as much as its margin.
        span = self.high - self.low
        places = [
            (power, self.start + (power - self.low) / span * (self.end - self.start))
            for power in powers
        ]
        return [Tick(self.start, "0"), *(Tick(round(at, 1), f"1e{n}") for n, at in places)]


def errors(findings: Iterable[Finding]) -> Plot | None:
    """Lay out the errors that oracles measured against the bounds that were derived for them.

    Args:
        findings: the findings of one subject.

    Returns:
        A point for each oracle and quantity, its worst entry; zeros stand at the beginning of
        their axis. None where fewer than two oracles gave both numbers.
    """
    measured = [
        (finding, item)
        for finding in wording.for_reading(findings)
        for item in finding.evidence
        if _is_finite(item.error) and _is_finite(item.bound)
    ]
    if len(measured) < 2:
        return None
    drawn = measured[:_MOST_POINTS]
    horizontal = _Axis.of((item.bound or 0 for _, item in drawn), _LEFT, _WIDTH - _RIGHT)
    vertical = _Axis.of((item.error or 0 for _, item in drawn), _HEIGHT - _BOTTOM, _TOP)
    return Plot(
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        right=_WIDTH - _RIGHT,
        top=_TOP,
        bottom=_HEIGHT - _BOTTOM,
        x_ticks=horizontal.ticks(),
        y_ticks=vertical.ticks(),
        line=_equality(horizontal, vertical),
        points=[_point(finding, item, horizontal, vertical) for finding, item in drawn],
        left_out=len(measured) - len(drawn),
    )


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value >= 0


def _point(finding: Finding, item: Evidence, horizontal: _Axis, vertical: _Axis) -> Point:
    verdict, _ = wording.answer(item)
    error, bound = item.error or 0, item.bound or 0
    told = (
        f"{wording.short(finding.quantity or finding.check)}, {wording.short(item.oracle)}: "
        f"error {wording.measured(error)}, bound {wording.measured(bound)}"
    )
    return Point(horizontal.place(bound), vertical.place(error), verdict, told)


def _equality(horizontal: _Axis, vertical: _Axis) -> tuple[float, float, float, float] | None:
    """Return the ends of the line on which the error is the bound, where it crosses the plot."""
    low, high = max(horizontal.low, vertical.low), min(horizontal.high, vertical.high)
    if low >= high:
        return None

    def at(axis: _Axis, power: float) -> float:
        part = (power - axis.low) / (axis.high - axis.low)
        return round(axis.start + part * (axis.end - axis.start), 1)

    return at(horizontal, low), at(vertical, low), at(horizontal, high), at(vertical, high)


# Shapes, step by step

_LETTER = 7.7
_PADDING = 18
_GAP = 10
_ARROW = 46
_BOX = 40
_ROW = 62
_MOST_STEPS = 12
_MOST_OPERANDS = 5
_LONGEST_LABEL = 18

# A name with its indices; what a bracket follows is an operator such as sum[n](...).
_ENTRY = re.compile(r"([^\W\d]\w*)\[([^\[\]]{0,200})\](?!\()")


class Box(NamedTuple):
    """A tensor: its name, its shape, and for a wrong one the shape that came instead."""

    x: float
    y: float
    width: float
    height: float
    name: str
    shape: str
    got: str | None = None
    wrong: bool = False


class Step(NamedTuple):
    """What is computed from what; the arrow goes from (x1, y) to (x2, y)."""

    operands: list[Box]
    result: Box
    x1: float
    x2: float
    y: float


class Flow(NamedTuple):
    """The shapes of everything that's computed, up to the first step that's wrong."""

    width: float
    height: float
    steps: list[Step]
    left_out: int


def flow(findings: Sequence[Finding]) -> Flow | None:
    """Lay out the shapes of what a subject computes, up to the first quantity that's wrong.

    Args:
        findings: the findings of one subject, in the order of computation.

    Returns:
        A row a quantity: the tensors that its equation names with their axes, and the shape that
        follows. None where no shapes are known.
    """
    shapes = {
        finding.quantity: finding.shapes
        for finding in findings
        if finding.check is Check.SHAPE and finding.quantity and finding.shapes is not None
    }
    wrong = {finding.quantity for finding in findings if finding.verdict is Verdict.REFUTED}
    equations = {
        finding.quantity: finding.derived.index
        for finding in findings
        if finding.quantity and finding.derived is not None and finding.derived.index
    }
    quantities = list(shapes)
    last = next((n for n, name in enumerate(quantities) if name in wrong), len(quantities) - 1)
    kept = quantities[max(0, last + 1 - _MOST_STEPS) : last + 1]
    operands = {name: _operands(equations.get(name) or "") for name in kept}
    column = max((_row_width(boxes) for boxes in operands.values()), default=0.0)
    steps = [
        _step(row, name, shapes[name], operands[name], column, is_wrong=name in wrong)
        for row, name in enumerate(kept)
        if shapes[name].expected
    ]
    if not steps:
        return None
    width = max(step.result.x + step.result.width for step in steps) + 1
    return Flow(width, max(step.y for step in steps) + _ROW / 2, steps, len(quantities) - len(kept))


def _operands(equation: str) -> list[tuple[str, str]]:
    """Return the tensors on the right of an equation in index notation, with their axes."""
    _, _, right = clipped(equation, 2000).partition("=")
    found: dict[str, str] = {}
    for name, indices in _ENTRY.findall(right):
        if name != "delta":
            found.setdefault(_label(name), _label(_tuple(indices)))
    return list(found.items())[:_MOST_OPERANDS]


def _tuple(indices: str) -> str:
    parts = [part.strip() for part in indices.split(",") if part.strip()]
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def _label(text: str) -> str:
    shown = visible(clipped(text, 4 * _LONGEST_LABEL))
    return shown if len(shown) <= _LONGEST_LABEL else shown[: _LONGEST_LABEL - 1] + "…"


def _box_width(*lines: str) -> float:
    return round(max(len(line) for line in lines) * _LETTER + _PADDING, 1)


def _row_width(operands: Sequence[tuple[str, str]]) -> float:
    return sum(_box_width(name, shape) + _GAP for name, shape in operands)


def _step(
    row: int,
    name: str,
    shapes: Shapes,
    operands: Sequence[tuple[str, str]],
    column: float,
    *,
    is_wrong: bool,
) -> Step:
    y = row * _ROW + _ROW / 2
    top = y - _BOX / 2
    x = column - _row_width(operands) + 1
    boxes = []
    for operand, shape in operands:
        width = _box_width(operand, shape)
        boxes.append(Box(round(x, 1), top, width, _BOX, operand, shape))
        x += width + _GAP
    shape = _label(shapes.expected or "")
    got = _label(shapes.got) if is_wrong and shapes.got and shapes.got != shapes.expected else None
    label = _label(name)
    told = shape if got is None else f"{shape}, got {got}"
    start = round(column + _ARROW, 1)
    mark = " ✗" if is_wrong else ""
    box = Box(
        start, top, _box_width(label + mark, told), _BOX, label, shape, got=got, wrong=is_wrong
    )
    return Step(boxes, box, round(column, 1), start - 2, y)
