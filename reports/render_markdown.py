"""A report as GitHub-flavoured Markdown, for a job's summary, a comment or a file of notes.

Escapes follow the CommonMark Spec (John MacFarlane, version 0.31.2, sections 2.4 and 6.1) and
the GitHub Flavored Markdown Spec (version 0.29-gfm, section 4.10 on tables).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from backproof.reports import grids, matrices, wording
from backproof.reports.escape import code_lines, longest_run, visible
from backproof.reports.finding import Control, Counterexample, Finding, Report, Shapes, Verdict
from backproof.reports.wording import NEEDS_BLOCK

_SIGNS = wording.UNICODE_SIGNS
_WIDTH = 96
_MOST_TABLES_OF_SUBJECTS = 2
# What the line that counts left-out sections takes at most.
_CUT_RESERVE = 100

_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;"}
_MARKUP = re.compile(r"[\\`*_\[\]~$#<>&|]")
_LIST_NUMBER = re.compile(r"^(\d+)([.)])")
# GitHub would tell everybody who is called @like-this that they are mentioned.
_MENTION = re.compile(r"(?<!\w)@(?=\w)")
_LINK = re.compile(r"(?<=\w):(?=//)|(?<=www)\.", re.IGNORECASE)

_FORMS = ("index", "matrix", "einsum", "latex", "mathml", "sympy")
_PROGRAMS = ("numpy", "jax")


def render(report: Report, limit: int | None = None) -> str:
    """Render a report as GitHub-flavoured Markdown.

    Args:
        report: the run.
        limit: how many bytes there is room for; None for any number. Sections that don't fit,
            such as the block of a finding, are left out as a whole, and counted.

    Returns:
        A document with one heading of the first level. What the report quotes is shown as
        written: none of it is taken for markup, HTML, a mention or a link, and characters that
        an editor would obey are spelt out. With a limit too small for anything, an empty text.
    """
    sections = list(_sections(report))
    whole = _joined(sections) + "\n"
    if limit is None or len(whole.encode()) <= limit:
        return whole
    kept: list[str] = []
    left, left_out = limit - _CUT_RESERVE, 0
    for section in sections:
        size = len(section.encode()) + 2
        if size <= left:
            kept.append(section)
            left -= size
        else:
            left_out += 1
    if not kept:
        return ""
    told = wording.plural(left_out, "section")
    return _joined([*kept, f"_{told} left out: there is no room for more here._"]) + "\n"


def text(content: str) -> str:
    """Return someone's words as Markdown that shows them as written, on one line.

    Args:
        content: any text.

    Returns:
        Inline Markdown, fit for a paragraph, a heading, a list item, or a cell of a table.
    """
    escaped = _MARKUP.sub(lambda m: _ENTITIES.get(m.group(), "\\" + m.group()), visible(content))
    escaped = _LIST_NUMBER.sub(r"\1\\\2", escaped)
    escaped = _LINK.sub(lambda m: "\\" + m.group(), escaped)
    escaped = _MENTION.sub("@<!-- -->", escaped)
    return "\\" + escaped if escaped.startswith(("-", "+", "=")) else escaped


def code(content: str) -> str:
    """Return someone's words as an inline code span; not for the cell of a table.

    Args:
        content: any text; an empty one gives an empty one.
    """
    shown = visible(content)
    if not shown:
        return ""
    ticks = "`" * (longest_run(shown, "`") + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def fence(content: str, language: str = "text") -> str:
    """Return lines as a fenced block of code.

    Args:
        content: any text, of several lines.
        language: the info string; not taken from a report.
    """
    lines = code_lines(content)
    ticks = "`" * max(3, longest_run("\n".join(lines), "`") + 1)
    return "\n".join([ticks + language, *lines, ticks])


def _cell_code(content: str) -> str:
    """Return a cell's code; a table is parted at each ``|`` before code spans are seen."""
    return f"<code>{text(content)}</code>" if "|" in content else code(content)


def _sections(report: Report) -> Iterator[str]:
    """Yield what may be left out as a whole: the block of a finding, the tables, the notes."""
    verdict, word = wording.outcome(report)
    head = [f"# {_SIGNS.of(verdict)} backproof {text(report.command)}: {word}"]
    if report.gradients is not None:
        yield from head
        yield from map(_joined, _gradients(report.gradients))
    else:
        counts = wording.summary_counts(report)
        head.append(
            _table([kind.value for kind, _ in counts], [[str(n) for _, n in counts]], "r" * 6)
        )
        yield _joined(head)
        yield from filter(None, map(_joined, _findings(report)))
    yield from filter(None, map(_joined, (_notes(report.notes), _controls(report.controls))))
    yield _joined(_environment(report))


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts)


def _findings(report: Report) -> Iterator[Iterable[str]]:
    if report.command == "compare":
        yield from map(_block, report.findings)
        return
    for first, group in grids.alike(f for f in report.findings if f.verdict in NEEDS_BLOCK):
        yield _block(first, group)
    if any(finding.subject is not None for finding in report.findings):
        yield _subjects(report.findings)
    else:
        yield _statements(report.findings)


# Tables


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], alignment: str) -> str:
    """Lay out a table; ``alignment`` has a letter a column: l, c or r."""
    rules = {"l": "---", "c": ":-:", "r": "--:"}
    lines = [headings, [rules[letter] for letter in alignment], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _subjects(findings: Sequence[Finding]) -> Iterator[str]:
    groups = grids.by_subject(findings)
    yield "## What was checked"
    if len(groups) <= _MOST_TABLES_OF_SUBJECTS:
        for subject, own in groups.items():
            yield from _subject(subject, own)
    else:
        for family in grids.families(groups):
            yield _grid(grids.subjects_grid(family), "subject")
    present = {finding.verdict for finding in findings}
    if present - {Verdict.HOLDS}:
        yield ", ".join(f"{_SIGNS.of(v)} {v.value}" for v in wording.SUMMARY_ORDER if v in present)
    unread = [finding for finding in findings if finding.verdict is Verdict.UNREAD]
    if unread:
        yield "## What couldn't be read"
        yield _statements_table(unread)


def _subject(subject: str, findings: Sequence[Finding]) -> Iterator[str]:
    yield f"### {text(subject)}"
    grid = grids.quantities_grid(findings)
    if grid.rows:
        yield _grid(grid, "quantity")
    whole = grids.overall(findings)
    if whole:
        yield ", ".join(f"{check} {_SIGNS.of(verdict)}" for check, verdict in whole)


def _grid(grid: grids.Grid, corner: str) -> str:
    with_cases = any(row.cases is not None for row in grid.rows)
    headings = [corner, *(text(column) for column in grid.columns)]
    rows = []
    for row in grid.rows:
        signs = [_SIGNS.of(wording.worst(v)) if v else _SIGNS.nothing for v in row.cells]
        cases = "" if row.cases is None else str(row.cases)
        rows.append([_cell_code(row.name), *signs, *([cases] if with_cases else [])])
    alignment = "l" + "c" * len(grid.columns) + ("r" if with_cases else "")
    return _table([*headings, "cases"] if with_cases else headings, rows, alignment)


def _statements(findings: Sequence[Finding]) -> Iterator[str]:
    rest = [finding for finding in findings if finding.verdict not in NEEDS_BLOCK]
    if rest:
        yield "## Other statements"
        yield _statements_table(rest)


def _statements_table(findings: Sequence[Finding]) -> str:
    rows = [
        [
            f"{_SIGNS.of(finding.verdict)} {finding.verdict.value}",
            _cell_code(wording.place(finding.where)),
            _cell_code(finding.statement or finding.quantity or finding.subject or ""),
            text(finding.message),
        ]
        for finding in findings
    ]
    return _table(["verdict", "place", "statement", ""], rows, "llll")


# Blocks


def _block(finding: Finding, group: Sequence[Finding] = ()) -> Iterator[str]:
    named = [text(finding.quantity)] if finding.quantity else []
    title = ", ".join([*named, wording.title(finding)])
    yield f"## {_SIGNS.of(finding.verdict)} {finding.verdict.value}: {title}"
    places = [
        code(place) for place in dict.fromkeys(wording.place(f.where) for f in group or [finding])
    ]
    subjects = [code(subject) for subject in dict.fromkeys(f.subject for f in group) if subject]
    spots = [", ".join(filter(None, places)), "in " + ", ".join(subjects) if subjects else ""]
    if any(spots):
        yield " ".join(filter(None, spots))
    if finding.statement is not None:
        yield f"{wording.WRITTEN}\n\n{fence(finding.statement)}"
    if (follows := wording.what_follows(finding)) is not None:
        yield f"{wording.FOLLOWS}\n\n{fence(follows)}"
    for sentence in wording.sentences(finding):
        yield _prose(sentence)
    if finding.counterexample is not None:
        yield from _counterexample(finding.counterexample, finding.quantity or "")
    yield from _details(finding)
    if finding.counterexample is not None and finding.counterexample.snippet:
        yield "<details>\n<summary>a program that shows it</summary>"
        yield fence(finding.counterexample.snippet, "python")
        yield "</details>"


def _prose(content: str) -> str:
    """Return sentences; several lines, such as those of a traceback, stay lines."""
    return fence(content) if "\n" in content.strip() else text(content)


def _counterexample(case: Counterexample, quantity: str) -> Iterator[str]:
    sizes = ", ".join(f"{text(name)} = {size}" for name, size in case.sizes.items())
    yield f"Smallest case: {sizes}" if sizes else "Smallest case:"
    drawn = [
        "\n".join(
            "".join(piece.text for piece in line).rstrip()
            for line in matrices.side_by_side(blocks, _WIDTH)
        )
        for blocks in (
            matrices.inputs(case, _SIGNS, _WIDTH),
            matrices.outputs(case, quantity, _SIGNS, _WIDTH),
        )
        if blocks
    ]
    if drawn:
        yield fence("\n\n".join(drawn))
    if case.sentence:
        yield _prose(case.sentence)


def _details(finding: Finding) -> Iterator[str]:
    items = [
        f"- {label}: {code(content)}"
        for label, content in (
            ("holds if", finding.assumption),
            ("read as", finding.convention),
        )
        if content
    ]
    if finding.derived is not None:
        forms = (finding.derived.index, finding.derived.matrix)
        items += [f"- derived: {code(form)}" for form in forms if form]
    items += [f"- note: {text(note)}" for note in finding.notes]
    if items:
        yield "\n".join(items)
    if finding.derived is not None and finding.derived.latex:
        yield fence(finding.derived.latex, "math")
    if finding.shapes is not None:
        yield from _shapes(finding.shapes)
    if finding.evidence:
        yield _evidence(finding)


def _shapes(shapes: Shapes) -> Iterator[str]:
    rows = []
    if shapes.expected or shapes.got:
        rows.append(["all sizes", _cell_code(shapes.expected or ""), _cell_code(shapes.got or "")])
    for row in shapes.table:
        sizes = row.get("sizes", {})
        named = sizes.items() if isinstance(sizes, dict) else [("", sizes)]
        rows.append(
            [
                ", ".join(f"{text(str(name))} = {text(str(size))}" for name, size in named),
                *(_cell_code(wording.sizes(row.get(key))) for key in ("expected", "got")),
            ]
        )
    if rows:
        yield _table(["shapes at", "expected", "got"], rows, "lll")
    if shapes.note:
        yield text(shapes.note)


def _evidence(finding: Finding) -> str:
    rows = []
    for item in finding.evidence:
        verdict, word = wording.answer(item)
        rows.append(
            [
                text(item.oracle),
                f"{_SIGNS.of(verdict)} {word}",
                wording.measured(item.error),
                wording.measured(item.bound),
                "" if item.cases is None else str(item.cases),
                text(item.note or ""),
            ]
        )
    return _table(["oracle", "says", "error", "bound", "cases", ""], rows, "llrrrl")


# The run as a whole


def _notes(notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield "## Notes"
        yield "\n".join(f"- {text(note)}" for note in notes)


def _controls(controls: dict[str, Control]) -> Iterator[str]:
    if not controls:
        return
    yield "## Negative controls"
    yield text(wording.planted_and_caught(controls)) + "."
    items = [
        f"- missed in {code(name)}: {text(', '.join(control.missed))}"
        for name, control in controls.items()
        if control.missed
    ]
    limits = wording.coarsest_limits(controls)
    if limits:
        shown = ", ".join(f"{text(name)} {wording.measured(x)}" for name, x in limits.items())
        items.append(f"- finest relative error caught: {shown}")
    if items:
        yield "\n".join(items)


def _environment(report: Report) -> Iterator[str]:
    facts = wording.facts(report)
    yield "---"
    yield ", ".join(text(fact) for fact in facts)


# Derivations


def _gradients(gradients: Sequence[dict[str, Any]]) -> Iterator[Iterable[str]]:
    yield from map(_gradient, gradients)
    for form in _PROGRAMS:
        for program in wording.programs(gradients, form):
            yield [f"## {form}", fence(program, "python")]


def _gradient(gradient: dict[str, Any]) -> Iterator[str]:
    yield f"## {text(str(gradient.get('quantity', '')))}"
    forms = [
        f"- {form}: {code(str(gradient[form]))}"
        for form in _FORMS
        if gradient.get(form) is not None
    ]
    if forms:
        yield "\n".join(forms)
    if gradient.get("latex"):
        yield fence(str(gradient["latex"]), "math")
    if steps := wording.steps(gradient):
        yield "\n".join(f"1. {code(step)}" for step in steps)
