"""What a table of verdicts shows: which rows, which columns, and the verdicts of each cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from backproof.reports.finding import Check, Evidence, Finding, Verdict
from backproof.reports.wording import worst

# Columns in the order of importance; checks that aren't named here follow in their own order.
_LEADING_CHECKS = (Check.FORWARD, Check.GRADIENT, Check.SHAPE, Check.DTYPE)

_FEW = 8

WHOLE_RUN = "the run as a whole"
OTHERS = "others"
GRADIENTS = "gradients"
EVERYTHING = "all checks"


class Row(NamedTuple):
    """A subject (or a quantity), with the verdicts of each column; empty where nothing was asked.

    ``cases`` is the largest number of cases that one oracle saw; ``closeness`` is the largest
    error as a fraction of its bound, None where no oracle gave both.
    """

    name: str
    cells: list[list[Verdict]]
    cases: int | None
    closeness: float | None


class Grid(NamedTuple):
    """A table of verdicts; ``merged`` names the checks that the last column stands for."""

    columns: list[str]
    rows: list[Row]
    merged: list[str]


def by_subject(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Group findings by their subject, both in the order of appearance.

    Args:
        findings: findings of one run.

    Returns:
        A mapping from subjects to their findings; those without a subject concern the whole run.
    """
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.subject or WHOLE_RUN, []).append(finding)
    return groups


def families(groups: dict[str, list[Finding]]) -> list[dict[str, list[Finding]]]:
    """Part subjects into families that were asked the same questions.

    A single table of dense layers, losses and initialisers would be mostly empty.

    Args:
        groups: findings by subject.

    Returns:
        The families, and the subjects in each, in the order of appearance. A subject belongs
        to the first family that was asked all of its questions; a few subjects are one family.
    """
    if len(groups) <= _FEW:
        return [groups]
    questions = {subject: _questions(findings) for subject, findings in groups.items()}
    kinds: list[set[str]] = []
    # The largest come first, so that a subject which lacks something joins those that have it.
    for asked in sorted(questions.values(), key=len, reverse=True):
        if not any(asked <= kind for kind in kinds):
            kinds.append(asked)
    parted: dict[int, dict[str, list[Finding]]] = {}
    for subject, findings in groups.items():
        home = next(i for i, kind in enumerate(kinds) if questions[subject] <= kind)
        parted.setdefault(home, {})[subject] = findings
    return list(parted.values())


def _questions(findings: Iterable[Finding]) -> set[str]:
    return {
        f"{f.check} {f.quantity}" if f.check is Check.GRADIENT else f.check.value for f in findings
    }


def subjects_grid(groups: dict[str, list[Finding]], *, detail: int = 2) -> Grid:
    """Make a table with a row a subject and a column a question.

    Args:
        groups: findings by subject.
        detail: 2 for a column a check and a column a gradient; 1 to merge all checks but
            forward, gradient, shape and dtype into one column; 0 to merge the gradients too;
            -1 to merge everything.

    Returns:
        The table.
    """
    everything = [finding for findings in groups.values() for finding in findings]
    checks = _checks(everything)
    apart = [c for c in checks if detail == 2 or (detail >= 0 and c in _LEADING_CHECKS)]
    merged = [c for c in checks if c not in apart]
    # A column that stands for a single check can as well bear its name.
    if len(merged) == 1:
        apart, merged = [*apart, *merged], []
    columns: list[tuple[str, set[Check], str | None]] = []
    for check in apart:
        if check is not Check.GRADIENT:
            columns.append((check.value, {check}, None))
        elif detail >= 1:
            columns += [(name, {check}, name) for name in _gradients(everything)]
        else:
            columns.append((GRADIENTS, {check}, None))
    if merged:
        columns.append((OTHERS if apart else EVERYTHING, set(merged), None))
    rows = [
        _row(subject, findings, [(checks, name) for _, checks, name in columns])
        for subject, findings in groups.items()
    ]
    return Grid([heading for heading, _, _ in columns], rows, [c.value for c in merged])


def quantities_grid(findings: Sequence[Finding], *, merge: bool = False) -> Grid:
    """Make the table of one subject: a row a quantity, a column a question.

    Args:
        findings: the findings of one subject.
        merge: whether to merge all checks into one column.

    Returns:
        The table; questions about the subject as a whole are left to :func:`overall`.
    """
    named = [finding for finding in findings if finding.quantity is not None]
    # A quantity is either an output or a gradient: one column does for both.
    value = {Check.FORWARD, Check.GRADIENT}
    checks = [check for check in _checks(named) if check not in value]
    columns = [("value", value), *((check.value, {check}) for check in checks)]
    if merge:
        columns = [(EVERYTHING, {*value, *checks})]
    groups: dict[str, list[Finding]] = {}
    for finding in named:
        groups.setdefault(finding.quantity or "", []).append(finding)
    rows = [
        _row(quantity, group, [(checks, None) for _, checks in columns])
        for quantity, group in groups.items()
    ]
    return Grid([heading for heading, _ in columns], rows, [])


def overall(findings: Iterable[Finding]) -> list[tuple[str, Verdict]]:
    """Return the verdicts on a subject as a whole, by check.

    Args:
        findings: the findings of one subject.
    """
    whole: dict[str, list[Verdict]] = {}
    for finding in findings:
        if finding.quantity is None:
            whole.setdefault(finding.check.value, []).append(finding.verdict)
    return [(check, worst(verdicts)) for check, verdicts in whole.items()]


def alike(findings: Iterable[Finding]) -> list[tuple[Finding, list[Finding]]]:
    """Join findings that say exactly the same about several subjects.

    Args:
        findings: findings in the order to show them.

    Returns:
        Pairs of the first of each kind and all of that kind; the order of the firsts is kept.
    """
    kinds: dict[bytes, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(_content(finding), []).append(finding)
    return [(group[0], group) for group in kinds.values()]


def alike_by_place(findings: Iterable[Finding]) -> list[tuple[Finding, list[Finding]]]:
    """Join findings that say the same of one place, as those of a layer in all its layouts do.

    Args:
        findings: findings in the order to show them.

    Returns:
        As :func:`alike`.
    """
    places: dict[object, list[Finding]] = {}
    for finding in findings:
        places.setdefault((finding.where, _content(finding)), []).append(finding)
    return [(group[0], group) for group in places.values()]


def _content(finding: Finding) -> bytes:
    return repr(msgspec.structs.replace(finding, id="", subject=None, where=None)).encode(
        errors="backslashreplace"
    )


def _checks(findings: Iterable[Finding]) -> list[Check]:
    present = {finding.check for finding in findings}
    ordered = [*_LEADING_CHECKS, *(check for check in Check if check not in _LEADING_CHECKS)]
    return [check for check in ordered if check in present]


def _gradients(findings: Iterable[Finding]) -> list[str]:
    names = (f.quantity or "" for f in findings if f.check is Check.GRADIENT)
    return list(dict.fromkeys(names))


def _row(
    name: str, findings: Sequence[Finding], columns: Sequence[tuple[set[Check], str | None]]
) -> Row:
    cells = [
        [
            f.verdict
            for f in findings
            if f.check in checks and (quantity is None or (f.quantity or "") == quantity)
        ]
        for checks, quantity in columns
    ]
    evidence = [item for finding in findings for item in finding.evidence]
    cases = [item.cases for item in evidence if item.cases is not None]
    parts = [part for item in evidence if (part := closeness(item)) is not None]
    return Row(name, cells, max(cases, default=None), max(parts, default=None))


def closeness(evidence: Evidence) -> float | None:
    """Return the error as a fraction of the bound, None where that has no meaning.

    Args:
        evidence: what one oracle measured.
    """
    error, bound = evidence.error, evidence.bound
    if error is None or bound is None or not bound > 0 or error != error:
        return None
    return float(error / bound)
