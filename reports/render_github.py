"""A report as workflow commands of GitHub Actions: annotations on the lines that are wrong.

GitHub documents the commands and their escapes under "Workflow commands for GitHub Actions". Of
each level it shows ten annotations a step, so that what comes after the worst is only counted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from backproof.reports import grids, wording
from backproof.reports.escape import clipped, visible
from backproof.reports.finding import Finding, Report, Verdict
from backproof.reports.places import file_of, line_in_file, relative

MOST_ANNOTATIONS = 9
"""How many findings get an annotation of their own; one more annotation counts them all."""

MOST_SUMMARY = 900 * 1024
"""How many bytes a job's summary is filled with: GitHub drops one of more than 1 MiB as a whole."""

_LONGEST_TITLE = 200
_LONGEST_PART = 1000
_FEW_SUBJECTS = 3
_IN_MESSAGES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTIES = {**_IN_MESSAGES, ":": "%3A", ",": "%2C"}
_LEVELS = {Verdict.REFUTED: "error", Verdict.ERROR: "error"}


def render(report: Report, root: str | os.PathLike[str] | None = None) -> str:
    """Render a report as workflow commands.

    Args:
        report: the run.
        root: the folder that GitHub takes file names to be relative to: the repository's; None
            for the current folder.

    Returns:
        A line a command: the nine worst of what doesn't simply hold, those that say the same of
        several subjects joined, then one that counts everything. No text of the report can end
        its line or begin a command of its own.
    """
    folder = Path.cwd() if root is None else Path(root)
    doubtful = wording.for_reading(f for f in report.findings if f.verdict is not Verdict.HOLDS)
    kinds = grids.alike_by_place(doubtful)
    shown = kinds[:MOST_ANNOTATIONS]
    lines = [_annotation(first, group, folder) for first, group in shown]
    lines.append(_count(report, sum(len(group) for _, group in shown), len(doubtful)))
    return "\n".join(lines) + "\n"


def command(level: str, properties: dict[str, str], message: str) -> str:
    """Write one workflow command.

    Args:
        level: ``"error"``, ``"warning"`` or ``"notice"``.
        properties: such as ``file``, ``line``, ``col``, ``title``; empty ones are left out.
        message: any text; its line ends are kept.
    """
    told = ",".join(
        f"{key}={_escaped(value, _IN_PROPERTIES)}" for key, value in properties.items() if value
    )
    return f"::{level} {told}::{_escaped(message, _IN_MESSAGES)}"


def _escaped(text: str, signs: Mapping[str, str]) -> str:
    return "".join(signs.get(character, character) for character in text)


def _annotation(first: Finding, group: Sequence[Finding], folder: Path) -> str:
    where, properties = first.where, {}
    if (file := file_of(where)) is not None:
        properties["file"] = visible(relative(file, folder))
    line = line_in_file(where)
    if line is not None and where is not None:
        properties["line"] = str(line)
        properties["col"] = str(where.column or "")
    properties["title"] = clipped(wording.headline(first), _LONGEST_TITLE)
    message = wording.explanation(first, _LONGEST_PART) or wording.title(first)
    if where is not None and where.cell is not None:
        message = f"{visible(clipped(wording.place(where), _LONGEST_PART))}\n{message}"
    if subjects := [f.subject for f in group if f.subject]:
        message = f"{message}\nin {_named(subjects)}"
    return command(_LEVELS.get(first.verdict, "warning"), properties, message)


def _named(subjects: Sequence[str]) -> str:
    names = [visible(clipped(name, _LONGEST_TITLE)) for name in subjects[:_FEW_SUBJECTS]]
    more = len(subjects) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _count(report: Report, shown: int, doubtful: int) -> str:
    verdict, _ = wording.outcome(report)
    level = "error" if not report.ok else "notice" if verdict is Verdict.HOLDS else "warning"
    told = wording.conclusion(report)
    if report.gradients is None:
        told += f" {wording.counted(report)}."
    if doubtful > shown:
        told += f" {doubtful - shown} of what does not simply hold are not shown here."
    return command(level, {"title": f"backproof {wording.short(report.command)}"}, told)
