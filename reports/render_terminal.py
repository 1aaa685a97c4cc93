"""A report for the terminal: what holds in compact tables, what doesn't in blocks of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from backproof.reports import grids, matrices, wording
from backproof.reports.finding import Control, Counterexample, Finding, Report, Shapes, Verdict
from backproof.reports.wording import NEEDS_BLOCK, Signs

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

_LEAST_WIDTH = 40
_MOST_BLOCKS_OF_SUBJECTS = 2
_LONGEST_NAME = 40
_SHORTEST_NAME = 16
_GAP = 2
_LABEL = 8
_MEASURE = 96
_LEAST_ROOM = 24
_NARROW = 12

_STYLES = {
    Verdict.HOLDS: "green",
    Verdict.REFUTED: "bold red",
    Verdict.ASSUMES: "yellow",
    Verdict.UNKNOWN: "magenta",
    Verdict.UNREAD: "cyan",
    Verdict.ERROR: "bold red",
}

_FORMS = ("index", "matrix", "einsum", "latex", "mathml", "sympy")
_PROGRAMS = ("numpy", "jax")


def render(
    report: Report, *, width: int, color: bool, unicode: bool = True, quiet: bool = False
) -> str:
    """Render a report for a terminal.

    Args:
        report: the run.
        width: the number of columns; below 40 it counts as 40.
        color: whether to use colour; it never says what the words don't.
        unicode: False for a terminal that shows ASCII only; the output is ASCII then.
        quiet: True to show only what needs a reader: no tables of what holds, no programs, no
            notes on the run; the summary stays.

    Returns:
        Lines of at most ``width`` columns, the last of them the summary. Characters in the
        report that a terminal would obey are spelt out.
    """
    page = _Page(
        width=max(width, _LEAST_WIDTH),
        color=color,
        signs=wording.UNICODE_SIGNS if unicode else wording.ASCII_SIGNS,
        quiet=quiet,
    )
    if report.command == "verify" and not quiet:
        _origin(page, report)
    if report.gradients is not None:
        _gradients(page, report.gradients)
    elif report.command == "compare":
        _claims(page, report.findings)
    elif any(finding.subject is not None for finding in report.findings):
        _subjects(page, report)
    else:
        _statements(page, report.findings)
    if not quiet:
        _notes(page, report.notes)
    _controls(page, report.controls)
    _summary(page, report)
    return page.finished()


# Spaces at the end of a line, among the codes that set and reset colours.
_LINE_END = re.compile(r"(?: |\x1b\[[\d;]*m)*$")


class _Page:
    """A sheet of a fixed width that remembers what is printed on it."""

    def __init__(self, *, width: int, color: bool, signs: Signs, quiet: bool) -> None:
        from rich.console import Console

        self.width = width
        self.signs = signs
        self.quiet = quiet
        # Nothing is taken from the environment: the same report has to give the same text.
        self.console: Console = Console(
            width=width,
            height=100,
            color_system="standard" if color else None,
            force_terminal=color,
            force_interactive=False,
            force_jupyter=False,
            no_color=not color,
            markup=False,
            emoji=False,
            highlight=False,
            legacy_windows=False,
            safe_box=False,
            _environ={},
        )
        self._parts: list[str] = []

    @property
    def beside_labels(self) -> int:
        """The number of columns that are left beside the labels of a block."""
        return self.width - _GAP - _LABEL - _GAP

    def text(self, content: str, style: str = "") -> Text:
        """Return one line of someone's words, made safe; it wraps, and breaks where it must."""
        from rich.text import Text

        return Text(self.signs.safe(content), style=style, overflow="fold")

    def own(self, content: str, style: str = "") -> Text:
        """Return words of this module, or words already made safe, with their spaces."""
        from rich.text import Text

        return Text(content, style=style, overflow="fold")

    def lines(self, content: str, style: str = "") -> Text:
        """Return several lines of someone's words, made safe, with their indentation."""
        from rich.text import Text

        return Text("\n".join(self.signs.safe_lines(content)), style=style, overflow="fold")

    def code(self, content: str) -> Text:
        """Return lines of code, made safe, without the indentation that all of them have."""
        return self.own("\n".join(self.signs.safe_code(content)))

    def verdict(self, verdict: Verdict) -> Text:
        """Return a verdict's sign and word."""
        return self.own(f"{self.signs.of(verdict)} {verdict.value}", _STYLES[verdict])

    def row(self, parts: Sequence[Text]) -> Text:
        """Set texts on one line, two spaces apart."""
        return self.own(" " * _GAP).join(parts)

    def prose(self, content: str, style: str = "", indent: int = 0) -> None:
        """Print someone's sentences in lines that are short enough to read."""
        from rich.constrain import Constrain

        self.put(Constrain(self.lines(content, style), _MEASURE), indent=indent)

    def put(self, *items: RenderableType, indent: int = 0) -> None:
        """Print items one below the other."""
        from rich.padding import Padding

        for item in items:
            with self.console.capture() as capture:
                self.console.print(Padding(item, (0, 0, 0, indent), expand=False))
            self._parts.append(capture.get())

    def gap(self) -> None:
        """Leave a line empty, but never two in a row, nor the first."""
        if self._parts and self._parts[-1] != "\n":
            self._parts.append("\n")

    def finished(self) -> str:
        """Return everything printed, without the spaces that pad lines at their ends."""
        lines = "".join(self._parts).split("\n")
        return "\n".join(_LINE_END.sub(lambda m: m.group().replace(" ", ""), x) for x in lines)


def _origin(page: _Page, report: Report) -> None:
    """Say which versions made the report: a log that is read later has nothing else."""
    page.put(page.text(", ".join(wording.facts(report)), "dim"))


# What holds: tables


def _subjects(page: _Page, report: Report) -> None:
    groups = grids.by_subject(report.findings)
    apart = len(groups) <= _MOST_BLOCKS_OF_SUBJECTS
    if not apart and not page.quiet:
        _table_of_subjects(page, groups)
    for subject, findings in groups.items() if apart else [("", report.findings)]:
        if apart:
            _subject(page, subject, findings)
        for first, group in grids.alike(f for f in findings if f.verdict in NEEDS_BLOCK):
            _block(page, first, [] if apart else group)
        _unread(page, findings)


def _subject(page: _Page, subject: str, findings: Sequence[Finding]) -> None:
    """Print a subject's name, and the table of its quantities."""
    page.gap()
    conventions = dict.fromkeys(f.convention for f in findings if f.convention)
    page.put(page.row([page.text(subject, "bold"), *(page.text(c, "dim") for c in conventions)]))
    if page.quiet:
        return
    if any(finding.quantity is not None for finding in findings):
        page.put(_quantities_table(page, findings), indent=_GAP)
    whole = grids.overall(findings)
    if whole:
        page.gap()
        page.put(
            page.row([page.own(f"{check} {page.signs.of(v)}", _STYLES[v]) for check, v in whole]),
            indent=_GAP,
        )


def _quantities_table(page: _Page, findings: Sequence[Finding]) -> Table:
    grid, merged = grids.quantities_grid(findings), grids.quantities_grid(findings, merge=True)
    names = _Column("", [page.text(row.name, "bold") for row in grid.rows])
    # From the richest to the leanest; the first that fits is shown.
    for columns in (
        [*_verdicts(page, grid), *_numbers(page, grid, with_closeness=True)],
        [*_verdicts(page, grid), *_numbers(page, grid, with_closeness=False)],
        _verdicts(page, merged),
    ):
        room = page.width - _GAP - sum(column.width + _GAP for column in columns)
        if room >= min(names.width, _SHORTEST_NAME):
            break
    oracles = _Column("oracles", [_oracles(page, findings, row.name) for row in grid.rows])
    if any(oracles.cells) and room - names.width - _GAP >= min(_LEAST_ROOM, oracles.width):
        columns.append(oracles)
    return _table(page, [names, *columns], room=page.width - _GAP)


def _oracles(page: _Page, findings: Sequence[Finding], quantity: str) -> Text:
    """Name the oracles that speak about a quantity, each with the sign of what it says."""
    from rich.text import Text

    answers: dict[str, Verdict] = {}
    for finding in findings:
        for evidence in finding.evidence if finding.quantity == quantity else []:
            verdict, _ = wording.answer(evidence)
            known = answers.get(evidence.oracle, verdict)
            answers[evidence.oracle] = wording.worst([known, verdict])
    line = Text(overflow="fold")
    for oracle, verdict in answers.items():
        style = "dim" if verdict is Verdict.HOLDS else _STYLES[verdict]
        # Without a space between them, a line never ends between a sign and its oracle.
        line.append(" " if line else "")
        line.append_text(page.own(f"{page.signs.of(verdict)}{page.signs.safe(oracle)}", style))
    return line


class _Plan(NamedTuple):
    """How much a table of subjects shows, from the richest plan to the leanest."""

    detail: int
    closeness: bool


_PLANS = (
    _Plan(2, True),
    _Plan(2, False),
    _Plan(1, True),
    _Plan(1, False),
    _Plan(0, False),
    _Plan(-1, False),
)


def _table_of_subjects(page: _Page, groups: dict[str, list[Finding]]) -> None:
    families = grids.families(groups)
    names = {subject: page.text(subject) for subject in groups}
    longest = max(name.cell_len for name in names.values())
    name_width = min(longest, max(_LONGEST_NAME, page.width // 3))
    # One plan for all families: tables of one run that differ in kind would be read as a message.
    for plan in _PLANS:
        grids_shown = [grids.subjects_grid(family, detail=plan.detail) for family in families]
        tables = [_columns(page, grid, plan) for grid in grids_shown]
        needed = max(sum(column.width + _GAP for column in columns) for columns in tables)
        if needed + name_width <= page.width:
            break
    for grid, columns in zip(grids_shown, tables, strict=True):
        subjects = _Column("subject", [names[row.name] for row in grid.rows])
        table = _table(page, [subjects, *columns], room=page.width)
        # The tables of all families line up, with room for the signs whatever the names are.
        table.columns[0].min_width = min(name_width, page.width // 3)
        table.columns[0].max_width = name_width
        page.gap()
        page.put(table)
    _legend(page, groups, grids_shown)


def _columns(page: _Page, grid: grids.Grid, plan: _Plan) -> list[_Column]:
    return [*_verdicts(page, grid), *_numbers(page, grid, with_closeness=plan.closeness)]


def _legend(page: _Page, groups: dict[str, list[Finding]], shown: Sequence[grids.Grid]) -> None:
    """Explain the signs that a table shows, where there are others than that of what holds."""
    page.gap()
    merged: dict[str, dict[str, None]] = {}
    for grid in shown:
        if grid.merged:
            merged.setdefault(grid.columns[-1], {}).update(dict.fromkeys(grid.merged))
    for heading, checks in merged.items():
        page.put(page.own(f"{heading}: {', '.join(checks)}", "dim"))
    present = {finding.verdict for findings in groups.values() for finding in findings}
    if present - {Verdict.HOLDS}:
        meanings = [f"{page.signs.of(v)} {v.value}" for v in wording.SUMMARY_ORDER if v in present]
        page.put(page.own("  ".join(meanings), "dim"))


class _Column(NamedTuple):
    """A column of a table; its heading may be a name that someone gave."""

    heading: str
    cells: list[Text]
    justify: Literal["left", "center", "right"] = "left"

    @property
    def width(self) -> int:
        return max(len(self.heading), *(cell.cell_len for cell in self.cells))


def _verdicts(page: _Page, grid: grids.Grid) -> list[_Column]:
    return [
        _Column(
            page.signs.safe(heading), [_cell(page, row.cells[at]) for row in grid.rows], "center"
        )
        for at, heading in enumerate(grid.columns)
    ]


def _numbers(page: _Page, grid: grids.Grid, *, with_closeness: bool) -> list[_Column]:
    closeness = [wording.measured(row.closeness) for row in grid.rows]
    cases = ["" if row.cases is None else str(row.cases) for row in grid.rows]
    return [
        _Column(heading, [page.own(cell, "dim") for cell in cells], "right")
        for heading, cells, wanted in (
            ("error/bound", closeness, with_closeness),
            ("cases", cases, True),
        )
        if wanted and any(cells)
    ]


def _cell(page: _Page, verdicts: list[Verdict]) -> Text:
    if not verdicts:
        return page.own(page.signs.nothing, "dim")
    verdict = wording.worst(verdicts)
    return page.own(page.signs.of(verdict), _STYLES[verdict])


def _table(
    page: _Page, columns: Sequence[_Column], *, room: int, with_heading: bool = True
) -> Table:
    """Set columns side by side in a given room."""
    from rich.table import Table

    # What is narrow isn't broken: the room is taken from the columns of words, if they have it.
    narrow = {id(column) for column in columns if column.width <= _NARROW}
    taken = sum(c.width if id(c) in narrow else _NARROW for c in columns) + _GAP * len(columns)
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, _GAP, 0, 0),
        header_style="dim",
        show_header=with_heading,
    )
    for column in columns:
        least = column.width if id(column) in narrow and taken <= room else None
        table.add_column(
            page.own(column.heading), overflow="fold", justify=column.justify, min_width=least
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    return table


# Statements and claims


def _claims(page: _Page, findings: Sequence[Finding]) -> None:
    for finding in findings:
        if finding.verdict in NEEDS_BLOCK:
            _block(page, finding)
        elif not page.quiet or finding.verdict is Verdict.UNREAD:
            page.gap()
            _one_line(page, finding)


def _statements(page: _Page, findings: Sequence[Finding]) -> None:
    files: dict[str, list[Finding]] = {}
    for finding in findings:
        name = finding.where.file if finding.where is not None and finding.where.file else ""
        files.setdefault(name, []).append(finding)
    for name, group in files.items():
        # Even a quiet run names what it couldn't read: nothing is passed over in silence.
        lines = [
            finding
            for finding in group
            if finding.verdict is Verdict.UNREAD
            or (finding.verdict is Verdict.HOLDS and not page.quiet)
        ]
        if lines:
            page.gap()
            if name:
                page.put(page.text(name, "bold"))
            page.put(_statements_table(page, lines), indent=_GAP if name else 0)
        for finding in group:
            if finding.verdict in NEEDS_BLOCK:
                _block(page, finding)


def _statements_table(page: _Page, findings: Sequence[Finding]) -> Table:
    verdicts, places, statements = [], [], []
    for finding in findings:
        verdicts.append(page.verdict(finding.verdict))
        position = wording.place(finding.where).removeprefix(_file_prefix(finding))
        places.append(page.text(position, "cyan"))
        content = page.text(finding.statement or finding.quantity or finding.id)
        if finding.message:
            content.append("  ").append_text(page.text(finding.message, "dim"))
        statements.append(content)
    columns = [_Column("", verdicts), _Column("", places), _Column("", statements)]
    return _table(page, columns, room=page.width - _GAP, with_heading=False)


def _file_prefix(finding: Finding) -> str:
    where = finding.where
    return f"{where.file}:" if where is not None and where.file else ""


def _unread(page: _Page, findings: Sequence[Finding]) -> None:
    for finding in findings:
        if finding.verdict is Verdict.UNREAD:
            page.gap()
            _one_line(page, finding)


def _one_line(page: _Page, finding: Finding) -> None:
    parts = [page.verdict(finding.verdict)]
    if subject := finding.statement or finding.quantity or finding.subject:
        parts.append(page.text(subject))
    _line_with_place(page, parts, finding)
    for sentence in wording.sentences(finding):
        page.prose(sentence, "dim", indent=_GAP)


def _line_with_place(page: _Page, parts: Sequence[Text], finding: Finding) -> None:
    """Print a headline; the place goes to a line of its own rather than break."""
    place = page.text(wording.place(finding.where), "cyan")
    whole = page.row([*parts, place] if place else parts)
    if whole.cell_len <= page.width:
        page.put(whole)
    else:
        page.put(page.row(parts))
        page.put(place, indent=_GAP)


# What doesn't hold: blocks


def _block(page: _Page, finding: Finding, group: Sequence[Finding] = ()) -> None:
    """Print everything about one finding; ``group`` are those that say the same of others."""
    page.gap()
    _headline(page, finding)
    _where_else(page, group)
    _written_and_follows(page, finding)
    if said := wording.sentences(finding):
        page.gap()
        for sentence in said:
            page.prose(sentence, indent=_GAP)
    if finding.counterexample is not None:
        _counterexample(page, finding.counterexample, finding.quantity or "")
    _details(page, finding)
    if finding.counterexample is not None and finding.counterexample.snippet and not page.quiet:
        page.gap()
        page.put(page.own("to see it:", "dim"), indent=_GAP)
        page.put(page.code(finding.counterexample.snippet), indent=2 * _GAP)


def _headline(page: _Page, finding: Finding) -> None:
    parts = [page.verdict(finding.verdict)]
    if finding.quantity:
        parts.append(page.text(finding.quantity, "bold"))
    parts.append(page.own(wording.title(finding), _STYLES[finding.verdict]))
    _line_with_place(page, parts, finding)


def _where_else(page: _Page, group: Sequence[Finding]) -> None:
    subjects = list(dict.fromkeys(f.subject for f in group if f.subject))
    if subjects:
        page.put(page.text(f"in {', '.join(subjects)}"), indent=_GAP)
    places = dict.fromkeys(wording.place(f.where) for f in group)
    for place in list(places)[1:]:
        page.put(page.text(place, "cyan"), indent=_GAP)


def _written_and_follows(page: _Page, finding: Finding) -> None:
    written, follows = finding.statement, wording.what_follows(finding)
    if written is None and follows is None:
        return
    grid = _labelled()
    old = page.code(written or "")
    new = page.code(follows or "")
    if written is not None and follows is not None:
        _underline_difference(page, old, new)
    if written is not None:
        grid.add_row(page.own(wording.WRITTEN, "red"), old)
    if follows is not None:
        grid.add_row(page.own(wording.FOLLOWS, "green"), new)
    page.gap()
    page.put(grid, indent=_GAP)


def _underline_difference(page: _Page, written: Text, follows: Text) -> None:
    """Underline what has to go or, when nothing has to, what is missing."""
    changed = wording.change(written.plain, follows.plain)
    if changed is None:
        # Nothing in common: a line under everything would say nothing.
        return
    if changed.gone.strip():
        _underline(page, written, changed.before, changed.gone, "^", "red")
    elif changed.come.strip():
        _underline(page, follows, changed.before, changed.come, "+", "green")


def _underline(page: _Page, line: Text, before: str, part: str, sign: str, style: str) -> None:
    """Add a line of signs below a part of a line, unless the line will be broken."""
    room = page.beside_labels
    # Only of ASCII is it certain that each character takes one column.
    if "\n" in line.plain or line.cell_len > room or not (before + part).isascii():
        return
    indent = len(before) + len(part) - len(part.lstrip())
    line.append("\n" + " " * indent).append(sign * len(part.strip()), style)


def _labelled() -> Table:
    """Return an empty table of two columns: short labels, and what they label."""
    from rich.table import Table

    grid = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
    grid.add_column(min_width=_LABEL, no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _counterexample(page: _Page, case: Counterexample, quantity: str) -> None:
    signs, room = page.signs, page.width - 2 * _GAP
    sizes = ", ".join(f"{name} = {size}" for name, size in case.sizes.items())
    page.gap()
    page.put(page.row([page.own("smallest case", "bold"), page.text(sizes)]), indent=_GAP)
    for blocks in (
        matrices.inputs(case, signs, room),
        matrices.outputs(case, quantity, signs, room),
    ):
        if blocks:
            page.put(*_drawn(matrices.side_by_side(blocks, room)), indent=2 * _GAP)
            page.gap()
    if case.sentence:
        page.prose(case.sentence, indent=_GAP)


# Of a text without any characters nothing is printed, not even a line.
_EMPTY = [matrices.Piece(" ")]


def _drawn(lines: Iterable[matrices.Line]) -> list[Text]:
    from rich.text import Text

    return [
        Text.assemble(
            *((piece.text, "bold red" if piece.differs else "") for piece in line or _EMPTY),
            no_wrap=True,
            overflow="crop",
        )
        for line in lines
    ]


def _details(page: _Page, finding: Finding) -> None:
    """Print what supports the verdict, a label a kind."""
    grid = _labelled()
    for label, content in (
        ("holds if", finding.assumption),
        ("read as", finding.convention),
    ):
        if content:
            grid.add_row(page.own(label, "dim"), page.text(content))
    if finding.derived is not None:
        forms = [form for form in (finding.derived.index, finding.derived.matrix) if form]
        for position, form in enumerate(forms or [finding.derived.latex or ""]):
            grid.add_row(page.own("" if position else "derived", "dim"), page.text(form))
    if finding.shapes is not None:
        grid.add_row(page.own("shapes", "dim"), _shapes(page, finding.shapes))
    if finding.evidence:
        grid.add_row(page.own("evidence", "dim"), _evidence(page, finding))
    for note in finding.notes:
        grid.add_row(page.own("note", "dim"), page.lines(note))
    if grid.row_count:
        page.gap()
        page.put(grid, indent=_GAP)


def _shapes(page: _Page, shapes: Shapes) -> RenderableType:
    from rich.console import Group

    symbolic = [
        page.row([page.own(word, "dim"), page.text(shape)])
        for word, shape in (("expected", shapes.expected), ("got", shapes.got))
        if shape
    ]
    parts: list[RenderableType] = [page.row(symbolic)] if symbolic else []
    if shapes.table:
        parts.append(_shapes_table(page, shapes.table))
    if shapes.note:
        parts.append(page.lines(shapes.note))
    return Group(*parts)


def _shapes_table(page: _Page, rows: Sequence[dict[str, Any]]) -> Table:
    tried, expected, got, signs = [], [], [], []
    for row in rows:
        sizes = row.get("sizes", {})
        named = sizes.items() if isinstance(sizes, dict) else [("", sizes)]
        tried.append(page.text(", ".join(f"{name} = {size}" for name, size in named)))
        expected.append(page.text(wording.sizes(row.get("expected"))))
        got.append(page.text(wording.sizes(row.get("got"))))
        same = expected[-1].plain == got[-1].plain
        signs.append(_cell(page, [Verdict.HOLDS if same else Verdict.REFUTED]))
    return _table(
        page,
        [
            _Column("sizes", tried),
            _Column("expected", expected),
            _Column("got", got),
            _Column("", signs),
        ],
        room=page.beside_labels,
    )


def _evidence(page: _Page, finding: Finding) -> RenderableType:
    """Print a line an oracle, and below them what there is to add."""
    from rich.console import Group

    rows = []
    for item in finding.evidence:
        verdict, word = wording.answer(item)
        rows.append(
            [
                page.text(item.oracle),
                page.own(f"{page.signs.of(verdict)} {word}", _STYLES[verdict]),
                page.own("" if item.error is None else f"error {wording.measured(item.error)}"),
                page.own("" if item.bound is None else f"bound {wording.measured(item.bound)}"),
                page.own("" if item.cases is None else wording.plural(item.cases, "case")),
            ]
        )
    # A column that says nothing would still cost its gap.
    columns = [_Column("", list(cells)) for cells in zip(*rows, strict=True) if any(cells)]
    shown: list[RenderableType]
    if sum(column.width + _GAP for column in columns) <= page.beside_labels + _GAP:
        shown = [_table(page, columns, room=page.beside_labels, with_heading=False)]
    else:
        shown = [page.row([cell for cell in cells if cell]) for cells in rows]
    remarks = [
        page.lines(f"{item.oracle}: {item.note}", "dim") for item in finding.evidence if item.note
    ]
    return Group(*shown, *remarks)


# The run as a whole


def _notes(page: _Page, notes: Sequence[str]) -> None:
    if not notes:
        return
    grid = _labelled()
    for note in notes:
        grid.add_row(page.own("note", "dim"), page.lines(note))
    page.gap()
    page.put(grid)


def _controls(page: _Page, controls: dict[str, Control]) -> None:
    missed = {name: control.missed for name, control in controls.items() if control.missed}
    if not controls or (page.quiet and not missed):
        return
    verdict = Verdict.HOLDS if wording.all_caught(controls) else Verdict.UNKNOWN
    headline = page.own(f"{page.signs.of(verdict)} negative controls", _STYLES[verdict])
    page.gap()
    page.put(page.row([headline, page.own(wording.planted_and_caught(controls))]))
    grid = _labelled()
    for name, kinds in missed.items():
        grid.add_row(page.own("missed", "magenta"), page.text(f"{name}: {', '.join(kinds)}"))
    if limits := wording.coarsest_limits(controls):
        shown = ", ".join(f"{name} {wording.measured(value)}" for name, value in limits.items())
        grid.add_row(page.own("finest", "dim"), page.text(f"relative error caught: {shown}"))
    if grid.row_count:
        page.put(grid, indent=_GAP)


def _summary(page: _Page, report: Report) -> None:
    if report.gradients is not None:
        return
    verdict, word = wording.outcome(report)
    line = page.own(f"{page.signs.of(verdict)} {word}: ", f"bold {_STYLES[verdict]}")
    for position, (kind, count) in enumerate(wording.summary_counts(report)):
        line.append(", " if position else "")
        line.append_text(page.own(f"{count} {kind.value}", _STYLES[kind] if count else "dim"))
    page.gap()
    page.put(line)


# Derivations


def _gradients(page: _Page, gradients: Sequence[dict[str, Any]]) -> None:
    for gradient in gradients:
        page.gap()
        page.put(page.text(str(gradient.get("quantity", "")), "bold"))
        grid = _labelled()
        for form in _FORMS:
            if gradient.get(form) is not None:
                grid.add_row(page.own(form, "dim"), page.text(str(gradient[form])))
        if grid.row_count:
            page.put(grid, indent=_GAP)
        if not page.quiet:
            for position, step in enumerate(wording.steps(gradient), start=1):
                page.put(page.text(f"{position}. {step}"), indent=2 * _GAP)
    for form in () if page.quiet else _PROGRAMS:
        for program in wording.programs(gradients, form):
            page.gap()
            page.put(page.own(form, "bold"))
            page.put(page.code(program), indent=_GAP)
