"""The words, marks and numbers that all renderings for people share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from backproof.reports.escape import ascii_only, code_lines, visible, visible_lines
from backproof.reports.finding import (
    Control,
    Evidence,
    Finding,
    MistakeKind,
    Report,
    Verdict,
    Where,
)

WRITTEN = "written:"
FOLLOWS = "follows:"

# Findings of these verdicts get a block of their own; the rest a line or a cell of a table.
NEEDS_BLOCK = frozenset({Verdict.REFUTED, Verdict.ERROR, Verdict.UNKNOWN, Verdict.ASSUMES})

# From the worst to the best: a cell that stands for several findings shows the worst of them.
WORST_FIRST = (
    Verdict.ERROR,
    Verdict.REFUTED,
    Verdict.UNKNOWN,
    Verdict.UNREAD,
    Verdict.ASSUMES,
    Verdict.HOLDS,
)

# The order in which a summary counts them.
SUMMARY_ORDER = (
    Verdict.HOLDS,
    Verdict.REFUTED,
    Verdict.ASSUMES,
    Verdict.UNKNOWN,
    Verdict.UNREAD,
    Verdict.ERROR,
)


class Signs(NamedTuple):
    """The signs that a rendering draws with; each sign of a verdict stands beside its word."""

    holds: str
    refuted: str
    assumes: str
    unknown: str
    unread: str
    error: str
    nothing: str
    differs: str
    dots: str
    times: str
    brackets: tuple[str, str, str, str, str, str]
    ascii: bool

    def of(self, verdict: Verdict) -> str:
        """Return the sign of a verdict."""
        return str(getattr(self, verdict.value))

    def safe(self, text: str) -> str:
        """Return a text of one line that is safe to show in these signs' alphabet."""
        shown = visible(text)
        return ascii_only(shown) if self.ascii else shown

    def safe_lines(self, text: str) -> list[str]:
        """Return the lines of a text, safe to show in these signs' alphabet."""
        return self._spelt(visible_lines(text))

    def safe_code(self, text: str) -> list[str]:
        """Return lines of code, safe to show in these signs' alphabet, moved to the left."""
        return self._spelt(code_lines(text))

    def _spelt(self, lines: list[str]) -> list[str]:
        return [ascii_only(line) for line in lines] if self.ascii else lines


UNICODE_SIGNS = Signs(
    holds="✓",
    refuted="✗",
    assumes="!",
    unknown="?",
    unread="–",
    error="E",
    nothing="·",
    differs="✗",
    dots="…",
    times="×",
    brackets=("⎡", "⎤", "⎢", "⎥", "⎣", "⎦"),
    ascii=False,
)

ASCII_SIGNS = Signs(
    holds="+",
    refuted="x",
    assumes="!",
    unknown="?",
    unread="-",
    error="E",
    nothing=".",
    differs="*",
    dots="..",
    times="x",
    brackets=("[", "]", "[", "]", "[", "]"),
    ascii=True,
)


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict that decides for all: the worst one.

    Args:
        verdicts: one or more verdicts.
    """
    return min(verdicts, key=WORST_FIRST.index)


def title(finding: Finding) -> str:
    """Name what is the matter: the mistake in words, or else what was checked.

    Args:
        finding: any finding.

    Returns:
        For instance ``"operands swapped"``, ``"shape"``, ``"crash"``.
    """
    if finding.mistake is None or finding.mistake.kind is MistakeKind.OTHER:
        return finding.check.value
    return finding.mistake.kind.value.replace("-", " ")


def place(where: Where | None) -> str:
    """Write a place as editors and terminals recognise it.

    Args:
        where: a place, or None.

    Returns:
        ``file.py:12:9``, ``notes.ipynb:cell 3:2:5``, or an empty text; not yet made safe to show.
    """
    if where is None:
        return ""
    parts = [] if where.file is None else [where.file]
    if where.cell is not None:
        parts.append(f"cell {where.cell}")
    if where.line is not None:
        parts.append(str(where.line) if parts else f"line {where.line}")
        if where.column is not None:
            parts.append(str(where.column))
    return ":".join(parts)


def sentences(finding: Finding) -> list[str]:
    """Return what is to be said about a finding, without saying the same twice.

    Args:
        finding: any finding.

    Returns:
        The message, then the mistake's sentence and variant where the message lacks them.
    """
    said = [finding.message] if finding.message.strip() else []
    mistake = finding.mistake
    if mistake is not None and mistake.sentence and mistake.sentence not in finding.message:
        said.append(mistake.sentence)
    if mistake is not None and mistake.variant and not any(mistake.variant in s for s in said):
        said.append(f"variant: {mistake.variant}")
    return said


def what_follows(finding: Finding) -> str | None:
    """Return what ought to stand in place of a statement.

    Args:
        finding: any finding.

    Returns:
        The correction in the author's notation; for a refuted statement without one, the derived
        equation; None where there is nothing to replace.
    """
    if finding.correction is not None or finding.derived is None or finding.statement is None:
        return finding.correction
    if finding.verdict is not Verdict.REFUTED:
        return None
    return finding.derived.matrix or finding.derived.index


def answer(evidence: Evidence) -> tuple[Verdict, str]:
    """Say what an oracle thinks of the result.

    Args:
        evidence: what the oracle returned.

    Returns:
        The verdict whose sign and colour fit, and a word: agrees, disagrees, undecided.
    """
    if evidence.agrees is None:
        return Verdict.UNKNOWN, "undecided"
    return (Verdict.HOLDS, "agrees") if evidence.agrees else (Verdict.REFUTED, "disagrees")


def measured(value: float | None) -> str:
    """Write an error or a bound with the two digits that matter.

    Args:
        value: a dimensionless or dimensional magnitude, or None.

    Returns:
        ``"3.1e-16"``, ``"0"``, ``"inf"``, or an empty text for None.
    """
    if value is None:
        return ""
    return number(value, digits=2)


def number(value: object, digits: int | None = None) -> str:
    """Write an entry of a matrix.

    Args:
        value: a number, or an exact rational as text.
        digits: significant digits; None for as many as give the same number back.

    Returns:
        An integer without a point (``2.0`` is ``"2"``), NaN and infinities as ``nan``, ``inf``,
        ``-inf``, exponents without leading zeros; a text as it is, safe to show.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return visible(str(value))
    if isinstance(value, int):
        return str(value) if abs(value) < 10**15 else f"{Decimal(value):.6e}"
    if not math.isfinite(value):
        return str(float(value))
    if value == int(value) and abs(value) < 10**6:
        return str(int(value)) if value or math.copysign(1, value) > 0 else "-0"
    text = repr(float(value)) if digits is None else f"{value:.{digits}g}"
    mantissa, exponent, power = text.partition("e")
    return mantissa + exponent + (str(int(power)) if power else "")


def summary_counts(report: Report) -> list[tuple[Verdict, int]]:
    """Return how many findings have each verdict; all six verdicts, in a fixed order."""
    counts = report.counts
    return [(verdict, counts[verdict]) for verdict in SUMMARY_ORDER]


def outcome(report: Report) -> tuple[Verdict, str]:
    """Say in a word how a run ended.

    Args:
        report: the run.

    Returns:
        The verdict whose sign and colour fit, and ``"ok"``, ``"not ok"``, or ``"nothing
        checked"`` for a run without findings, which proves nothing.
    """
    if not report.ok:
        return Verdict.REFUTED, "not ok"
    if not report.findings and report.gradients is None:
        return Verdict.UNKNOWN, "nothing checked"
    return Verdict.HOLDS, "ok"


def plural(count: int, noun: str) -> str:
    """Return ``"1 case"`` or ``"2 cases"``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def sizes(shape: Any) -> str:
    """Write a shape as Python does.

    Args:
        shape: a list of sizes, a text, or None.

    Returns:
        ``"(2, 3)"``, ``"(3,)"``, ``"()"``; a text as it is, empty for None.
    """
    if not isinstance(shape, list | tuple):
        return "" if shape is None else str(shape)
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"


def planted_and_caught(controls: dict[str, Control]) -> str:
    """Say how many mistakes were planted in a run, and what became of them.

    Args:
        controls: the run's negative controls.
    """
    planted = sum(control.planted for control in controls.values())
    caught = sum(control.caught for control in controls.values())
    equivalent = sum(control.equivalent for control in controls.values())
    told = f"{plural(planted, 'mistake')} planted, {caught} caught"
    return f"{told}, {equivalent} without effect" if equivalent else told


def all_caught(controls: dict[str, Control]) -> bool:
    """Tell whether every planted mistake that has an effect was caught.

    Args:
        controls: the run's negative controls.
    """
    return all(c.caught + c.equivalent >= c.planted and not c.missed for c in controls.values())


def coarsest_limits(controls: dict[str, Control]) -> dict[str, float]:
    """Return the detection limit that every subject of a run reaches.

    Args:
        controls: the run's negative controls.

    Returns:
        For each quantity, the largest of the subjects' limits (relative, dimensionless).
    """
    limits: dict[str, float] = {}
    for control in controls.values():
        for quantity, limit in control.limit.items():
            limits[quantity] = max(limit, limits.get(quantity, limit))
    return limits


def facts(report: Report) -> list[str]:
    """Return what made a report: the version of backproof, and those facts that are one word.

    Args:
        report: the run.
    """
    simple = {
        key: value
        for key, value in sorted(report.environment.items())
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }
    return [f"backproof {report.version}", *(f"{key} {value}" for key, value in simple.items())]


def steps(gradient: dict[str, Any]) -> list[str]:
    """Return the steps of a derivation, each on one line.

    Args:
        gradient: one of a report's gradients; a step is a text, or a mapping such as from
            ``rule`` and ``result``.
    """
    return [
        ": ".join(map(str, step.values())) if isinstance(step, dict) else str(step)
        for step in gradient.get("steps") or []
    ]


def programs(gradients: Iterable[dict[str, Any]], form: str) -> list[str]:
    """Return the programs in one form, each once: one computes all gradients of a statement.

    Args:
        gradients: a report's gradients.
        form: ``"numpy"`` or ``"jax"``.
    """
    return list(dict.fromkeys(str(g[form]) for g in gradients if g.get(form)))
