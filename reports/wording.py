"""The words, marks and numbers that all renderings for people share."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import takewhile
from typing import Any, NamedTuple

from backproof.reports.escape import ascii_only, clipped, code_lines, visible, visible_lines
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

# What makes a run fail.
WRONG = frozenset({Verdict.REFUTED, Verdict.ERROR})

# From the worst to the best: a cell that stands for several findings shows the worst of them.
WORST_FIRST = (
    Verdict.ERROR,
    Verdict.REFUTED,
    Verdict.UNKNOWN,
    Verdict.UNREAD,
    Verdict.ASSUMES,
    Verdict.HOLDS,
)

# What a reader wants first: what is surely wrong, then what may hide something wrong.
READING_ORDER = (
    Verdict.REFUTED,
    Verdict.ERROR,
    Verdict.UNKNOWN,
    Verdict.ASSUMES,
    Verdict.UNREAD,
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


_LONGEST_NAME = 120


def short(name: str) -> str:
    """Return a name on one line, safe to show, and cut where it's far too long for a name."""
    return visible(clipped(name, _LONGEST_NAME))


def headline(finding: Finding) -> str:
    """Say on one line what a finding is about and what is the matter with it.

    Args:
        finding: any finding.

    Returns:
        For instance ``"dW refuted: operands swapped"``, ``"crash: error"``; safe to show.
    """
    named = f"{short(finding.quantity)} " if finding.quantity else ""
    return f"{named}{finding.verdict.value}: {title(finding)}"


def code(finding: Finding) -> str:
    """Return a name for findings of this kind that never changes: the check and the mistake.

    Args:
        finding: any finding.

    Returns:
        ``"gradient/operands-swapped"``; ``"gradient"`` for a finding without a mistake.
    """
    if finding.mistake is None:
        return finding.check.value
    return f"{finding.check.value}/{finding.mistake.kind.value}"


def for_reading(findings: Iterable[Finding]) -> list[Finding]:
    """Put findings in the order in which they are best read: refuted ones first.

    Args:
        findings: findings; those of one verdict stay in their own order.
    """
    return sorted(findings, key=lambda finding: READING_ORDER.index(finding.verdict))


def explanation(finding: Finding, longest: int) -> str:
    """Write what a person needs to know of a finding as plain text, for formats without layout.

    Args:
        finding: any finding.
        longest: how many characters of each part are shown.

    Returns:
        Lines: what is written and what follows from the specification, what is the matter, the
        smallest case in words, what it holds under, the oracles that disagree, notes. Safe to
        show.
    """
    parts: list[str] = []
    for label, content in ((WRITTEN, finding.statement), (FOLLOWS, what_follows(finding))):
        if content is not None:
            lines = code_lines(clipped(content, longest))
            parts.append("\n".join([f"{label}  {lines[0]}" if lines else label, *lines[1:]]))
    said = [*sentences(finding)]
    if finding.counterexample is not None and finding.counterexample.sentence:
        said.append(finding.counterexample.sentence)
    if finding.shapes is not None and finding.verdict in WRONG and not said:
        said.append(f"expected {finding.shapes.expected}, found {finding.shapes.got}")
    if finding.assumption:
        said.append(f"holds if {finding.assumption}")
    if finding.convention:
        said.append(f"read as {finding.convention}")
    parts += ["\n".join(visible_lines(clipped(sentence, longest))) for sentence in said]
    against = [item.oracle for item in finding.evidence if item.agrees is False]
    if against:
        parts.append(visible(clipped(f"against it: {', '.join(against)}", longest)))
    parts += [visible(clipped(f"note: {note}", longest)) for note in finding.notes]
    return "\n".join(parts)


_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


class Change(NamedTuple):
    """What differs between two lines: both are ``before``, then ``gone`` or ``come``, ``after``."""

    before: str
    gone: str
    come: str
    after: str


def change(written: str, follows: str) -> Change | None:
    """Find the part of a line that another line replaces, by whole words.

    Args:
        written: the line as it stands.
        follows: the line that ought to stand there.

    Returns:
        The parts, or None where the lines have no beginning and no end in common.
    """
    old, new = _TOKEN.findall(written), _TOKEN.findall(follows)
    start = _count_equal(old, new)
    end = _count_equal(old[start:][::-1], new[start:][::-1])
    if start == 0 and end == 0:
        return None
    return Change(
        "".join(old[:start]),
        "".join(old[start : len(old) - end]),
        "".join(new[start : len(new) - end]),
        "".join(old[len(old) - end :]),
    )


def _count_equal(one: Sequence[str], other: Sequence[str]) -> int:
    couples = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda couple: couple[0] == couple[1], couples))


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


def counted(report: Report) -> str:
    """Return how many findings have each verdict, on one line."""
    return ", ".join(f"{count} {kind.value}" for kind, count in summary_counts(report))


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


_FEW_NAMES = 4


def conclusion(report: Report) -> str:
    """Say how a run ended in one sentence.

    Args:
        report: the run.

    Returns:
        A sentence that names what is wrong, or says how much holds; safe to show.
    """
    if report.gradients is not None:
        return f"{plural(len(report.gradients), 'gradient')} derived."
    if not report.findings:
        return "Nothing was checked, which proves nothing."
    total = len(report.findings)
    wrong = [finding for finding in for_reading(report.findings) if finding.verdict in WRONG]
    if not wrong:
        told = [f"{n} {_COUNTED[verdict][n > 1]}" for verdict, n in summary_counts(report) if n]
        return f"Of {plural(total, 'answer')}, {', '.join(told)}; nothing is refuted."
    names = list(dict.fromkeys(_name(finding) for finding in wrong))
    more = len(names) - _FEW_NAMES
    shown = ", ".join(names[:_FEW_NAMES]) + (f", and {more} more" if more > 0 else "")
    words = {Verdict.REFUTED: "refuted", Verdict.ERROR: "failed"}
    counts = report.counts
    told = [f"{counts[verdict]} {word}" for verdict, word in words.items() if counts[verdict]]
    return f"Of {plural(total, 'answer')}, {' and '.join(told)}: {shown}."


# Of one, and of several; what is wrong has a sentence of another form.
_COUNTED = {
    Verdict.HOLDS: ("holds", "hold"),
    Verdict.ASSUMES: ("holds under an assumption", "hold under an assumption"),
    Verdict.UNKNOWN: ("could not be decided", "could not be decided"),
    Verdict.UNREAD: ("could not be read", "could not be read"),
}


def _name(finding: Finding) -> str:
    quantity = short(finding.quantity or "")
    return f"{quantity} ({title(finding)})" if quantity else title(finding)


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
