"""A report as one HTML file: no scripts, nothing fetched, readable in light and in dark.

A policy in the page (Content Security Policy Level 3, W3C) forbids everything but the one style
sheet that it holds, so that text which broke out of its place still could not act.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import DictLoader, Environment, StrictUndefined, Template
from markupsafe import Markup

from backproof.reports import figures, grids, mathml, matrices, wording
from backproof.reports.escape import clipped, code_lines, shown, visible
from backproof.reports.finding import (
    Control,
    Counterexample,
    Derived,
    Evidence,
    Finding,
    Report,
    Shapes,
    Verdict,
)
from backproof.reports.wording import NEEDS_BLOCK

LARGEST_OF_ONE = 300_000
LARGEST = 2_000_000
"""How many bytes the page of one subject, and any page, has at most."""

_SIGNS = wording.UNICODE_SIGNS
_WIDTH = 72
_LONGEST_TEXT = 4000
_LONGEST_PROGRAM = 20_000
_LONGEST_ENTRY = 400

# What isn't findings is short in a report of any sense; these only keep a senseless one in bounds.
_MOST_NOTES = 60
_LONGEST_NOTE = 600
_MOST_CONTROLS = 60
_MOST_ROWS = 300
_MOST_ITEMS = 24
# What the frame of the page may take besides its parts, whose sizes are counted.
_RESERVE = 12_000

_FORMS = ("index", "matrix", "einsum", "latex", "sympy")
_PROGRAMS = ("numpy", "jax")
_TEMPLATES = (
    "page.html",
    "subject.html",
    "finding.html",
    "brief.html",
    "gradient.html",
    "run.html",
    "errors.svg",
    "shapes.svg",
)


def render(report: Report) -> str:
    """Render a report as a page of HTML.

    Args:
        report: the run.

    Returns:
        A document of at most 300 KB for one subject and 2 MB for any run; what has no room is
        counted, the worst is kept. All text of the report is shown as written: none of it is
        taken for markup, and characters that an editor would obey are spelt out.
    """
    css = _resource("page.css")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode("ascii")
    run = _render("run.html", **_run(report))
    groups = grids.by_subject(report.findings)
    room = min(LARGEST, LARGEST_OF_ONE * max(1, len(groups)))
    budget = _Budget(room - len(css.encode()) - _size(run) - _RESERVE)
    overview = _overview(report, groups, budget)
    if report.gradients is None:
        sections = dict(_body(groups, budget))
        parts = list(sections.values())
    else:
        sections = {}
        parts = list(_gradients(report.gradients, budget))
    verdict, _ = wording.outcome(report)
    page = _render(
        "page.html",
        css=Markup(css),
        digest=digest,
        report=report,
        verdict=verdict,
        conclusion=wording.conclusion(report),
        counts=wording.summary_counts(report) if report.gradients is None else [],
        overview=overview,
        places={subject: _place(number) for number, subject in enumerate(sections)},
        parts=parts,
        left_out=budget.left_out,
        run=run,
    )
    return f"{page}\n"


# So many parts may be too large before it's taken that there is no room for others.
_MOST_MISSES = 20


class _Budget:
    """How many bytes are left, and how many findings found no room."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.left_out = 0
        self._misses = {False: 0, True: 0}

    def is_spent(self, brief: bool) -> bool:
        """Tell whether it's in vain to render further parts, in full or in brief."""
        return self._misses[brief] >= _MOST_MISSES

    def take(self, part: Markup, brief: bool = False) -> bool:
        """Tell whether a part has room, and use it up."""
        size = _size(part)
        if size > self.left:
            self._misses[brief] += 1
            return False
        self.left -= size
        return True


def _size(text: str) -> int:
    return len(text.encode())


# Templates


def _resource(name: str) -> str:
    return files("backproof.reports").joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=DictLoader({name: _resource(name) for name in _TEMPLATES}),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_safe,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "signs": _SIGNS,
        "wording": wording,
        "Verdict": Verdict,
        "program": _program,
    }
    return environment


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


def _render(name: str, **values: Any) -> Markup:
    return Markup(_template(name).render(**values))


def _safe(value: object) -> object:
    """Make everything that a template prints safe to show; escaping it as markup comes after."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return shown(clipped(value, _LONGEST_TEXT))
    return value


def _program(text: str) -> Markup:
    """Return a program or lines of code, moved to the left; it may be longer than other text."""
    return Markup("{}").format("\n".join(code_lines(clipped(text, _LONGEST_PROGRAM))))


# The whole run


class _Overview(NamedTuple):
    """Tables of subjects, and how many subjects aren't in them."""

    grids: list[grids.Grid]
    left_out: int


def _overview(
    report: Report, groups: dict[str, list[Finding]], budget: _Budget
) -> _Overview | None:
    if report.gradients is not None or len(groups) < 2:
        return None
    ordered = _worst_first(groups)
    kept = dict(list(ordered.items())[:_MOST_ROWS])
    tables = [grids.subjects_grid(family, detail=1) for family in grids.families(kept)]
    # About what a cell takes in the page; a table of subjects is worth it before all else.
    budget.left -= sum(160 * len(t.columns) * len(t.rows) + 400 * len(t.rows) for t in tables)
    return _Overview(tables, len(ordered) - len(kept))


def _worst_first(groups: dict[str, list[Finding]]) -> dict[str, list[Finding]]:
    def rank(subject: str) -> int:
        return min(wording.READING_ORDER.index(f.verdict) for f in groups[subject])

    return {subject: groups[subject] for subject in sorted(groups, key=rank)}


def _run(report: Report) -> dict[str, Any]:
    controls = sorted(report.controls.items(), key=lambda item: len(item[1].missed), reverse=True)
    limits = wording.coarsest_limits(report.controls)
    return {
        "planted": wording.planted_and_caught(report.controls) if controls else "",
        "caught_all": wording.all_caught(report.controls),
        "controls": [(wording.short(name), _control(c)) for name, c in controls[:_MOST_CONTROLS]],
        "controls_left_out": max(0, len(controls) - _MOST_CONTROLS),
        "limits": [(wording.short(name), x) for name, x in list(limits.items())[:_MOST_CONTROLS]],
        "notes": [clipped(note, _LONGEST_NOTE) for note in report.notes[:_MOST_NOTES]],
        "notes_left_out": max(0, len(report.notes) - _MOST_NOTES),
        "facts": [
            visible(clipped(fact, _LONGEST_NOTE)) for fact in wording.facts(report)[:_MOST_NOTES]
        ],
    }


def _control(control: Control) -> dict[str, Any]:
    return {
        "planted": control.planted,
        "caught": control.caught,
        "equivalent": control.equivalent,
        "missed": [wording.short(name) for name in control.missed[:_MOST_ITEMS]],
        "more": max(0, len(control.missed) - _MOST_ITEMS),
    }


# Subjects


def _place(number: int) -> str:
    """Return the name of a section that links lead to."""
    return f"s{number}"


def _body(groups: dict[str, list[Finding]], budget: _Budget) -> Iterator[tuple[str, Markup]]:
    """Yield the subjects that have room, with their sections.

    What holds gets room only when all that doesn't has its own.
    """
    framed: list[tuple[str, dict[str, Any], list[Markup]]] = []
    for subject, findings in _worst_first(groups).items():
        frame = None
        if not budget.is_spent(brief=True):
            frame = _frame(_place(len(framed)), subject, findings, alone=len(groups) == 1)
        if frame is None or not budget.take(
            _render("subject.html", **frame, blocks=[], rest=[], left_out=0), brief=True
        ):
            budget.left_out += len(findings)
            continue
        doubtful = [f for f in findings if f.verdict is not Verdict.HOLDS]
        framed.append((subject, frame, _blocks(wording.for_reading(doubtful), budget)))
        budget.left_out += len(doubtful) - len(framed[-1][2])
    crowded = budget.left_out > 0
    for subject, frame, blocks in framed:
        findings = groups[subject]
        holding = [f for f in findings if f.verdict is Verdict.HOLDS]
        rest = [] if crowded else _blocks(holding, budget)
        budget.left_out += len(holding) - len(rest)
        left_out = len(findings) - len(blocks) - len(rest)
        section = _render("subject.html", **frame, blocks=blocks, rest=rest, left_out=left_out)
        yield subject, section


def _frame(place: str, subject: str, findings: Sequence[Finding], *, alone: bool) -> dict[str, Any]:
    """Return what a section shows besides the blocks of its findings."""
    about_layers = any(finding.subject is not None for finding in findings)
    return {
        "place": place,
        "subject": subject if about_layers else "",
        "verdict": wording.worst([finding.verdict for finding in findings]),
        "alone": alone,
        "conventions": list(dict.fromkeys(f.convention for f in findings if f.convention))[:3],
        "grid": grids.quantities_grid(findings) if about_layers else None,
        "oracles": _oracles(findings) if about_layers else {},
        "overall": grids.overall(findings) if about_layers else [],
        "pictures": _pictures(findings),
    }


def _blocks(findings: Iterable[Finding], budget: _Budget) -> list[Markup]:
    """Render findings as long as there is room, in brief where there isn't enough for all."""
    kept = []
    for finding in findings:
        for brief in (False, True):
            if budget.is_spent(brief):
                continue
            block = _render("brief.html", finding=finding) if brief else _block(finding)
            if budget.take(block, brief):
                kept.append(block)
                break
        if budget.is_spent(True):
            break
    return kept


def _oracles(findings: Iterable[Finding]) -> dict[str, dict[str, Verdict]]:
    """Return what each oracle says of each quantity."""
    answers: dict[str, dict[str, Verdict]] = {}
    for finding in findings:
        said = answers.setdefault(finding.quantity or "", {})
        for item in finding.evidence[:_MOST_ITEMS]:
            verdict, _ = wording.answer(item)
            known = said.get(item.oracle, verdict)
            said[item.oracle] = wording.worst([known, verdict])
    return answers


def _pictures(findings: Sequence[Finding]) -> list[Markup]:
    pictures = []
    if (flow := figures.flow(findings)) is not None:
        pictures.append(_render("shapes.svg", flow=flow))
    if (plot := figures.errors(findings)) is not None:
        pictures.append(_render("errors.svg", plot=plot))
    return pictures


# Findings


def _block(finding: Finding) -> Markup:
    follows = wording.what_follows(finding)
    case = finding.counterexample
    return _render(
        "finding.html",
        finding=finding,
        detailed=finding.verdict in NEEDS_BLOCK,
        written=_code(finding.statement),
        follows=_code(follows),
        change=_change(finding.statement, follows),
        said=wording.sentences(finding),
        case=None if case is None else _case(case, finding.quantity or ""),
        math=_math(finding.derived),
        shapes=None if finding.shapes is None else _shapes(finding.shapes, finding.message),
        evidence=[_answer(item) for item in finding.evidence[:_MOST_ITEMS]],
        notes=finding.notes[:_MOST_ITEMS],
    )


def _code(text: str | None) -> str | None:
    return None if text is None else "\n".join(code_lines(clipped(text, _LONGEST_TEXT)))


def _change(written: str | None, follows: str | None) -> wording.Change | None:
    old, new = _code(written), _code(follows)
    if old is None or new is None or "\n" in old + new:
        return None
    return wording.change(old, new)


def _math(derived: Derived | None) -> Markup | None:
    return None if derived is None or not derived.mathml else mathml.plain(derived.mathml)


class _Matrix(NamedTuple):
    """A matrix: its label, its lines, and whether they are to stand in brackets."""

    label: str
    lines: list[matrices.Line]
    bracketed: bool


def _case(case: Counterexample, quantity: str) -> dict[str, Any]:
    quantity = wording.short(quantity)
    inputs = dict(list(case.inputs.items())[:_MOST_ITEMS])
    sizes = list(case.sizes.items())[:_MOST_ITEMS]
    kept = Counterexample(inputs=_cut(inputs), expected=_cut(case.expected), got=_cut(case.got))
    rows = (
        matrices.inputs(kept, _SIGNS, _WIDTH),
        matrices.outputs(kept, quantity, _SIGNS, _WIDTH),
    )
    return {
        "sizes": ", ".join(f"{wording.short(name)} = {size}" for name, size in sizes),
        "rows": [[_matrix(block) for block in row[:_MOST_ITEMS]] for row in rows if row],
        "sentence": case.sentence or "",
        "snippet": case.snippet or "",
    }


def _cut(value: Any) -> Any:
    """Return nested values with their texts cut to a length that could be a number."""
    if isinstance(value, str):
        return clipped(value, _LONGEST_ENTRY)
    if isinstance(value, list | tuple):
        return [_cut(item) for item in value]
    if isinstance(value, dict):
        return {wording.short(str(name)): _cut(item) for name, item in value.items()}
    return value


# With these a line of a matrix begins and ends; a page draws them as lines of its own.
_OPENING = {f"{sign} " for sign in ("[", *_SIGNS.brackets[::2])}
_CLOSING = {f" {sign}" for sign in ("]", *_SIGNS.brackets[1::2])}


def _matrix(block: matrices.Block) -> _Matrix:
    bracketed = all(
        len(line) > 2 and line[0].text in _OPENING and line[-1].text in _CLOSING
        for line in block.lines
    )
    lines = [line[1:-1] if bracketed else line for line in block.lines]
    return _Matrix(block.label, lines, bracketed)


def _shapes(shapes: Shapes, message: str) -> dict[str, Any]:
    rows = []
    for row in shapes.table[:_MOST_ITEMS]:
        sizes = row.get("sizes", {})
        named = list(sizes.items()) if isinstance(sizes, dict) else [("", sizes)]
        tried = ", ".join(f"{name} = {size}" for name, size in named[:_MOST_ITEMS])
        expected, got = wording.sizes(row.get("expected")), wording.sizes(row.get("got"))
        verdict = Verdict.HOLDS if expected == got else Verdict.REFUTED
        rows.append((clipped(tried, 200), clipped(expected, 200), clipped(got, 200), verdict))
    return {
        "expected": shapes.expected or "",
        "got": shapes.got or "",
        "said": (shapes.expected or "") in message and (shapes.got or "") in message,
        "rows": rows,
        "note": shapes.note or "",
    }


def _answer(item: Evidence) -> dict[str, Any]:
    verdict, word = wording.answer(item)
    return {"item": item, "verdict": verdict, "word": word, "part": grids.closeness(item)}


# Derivations


def _gradients(gradients: Sequence[dict[str, Any]], budget: _Budget) -> Iterator[Markup]:
    for gradient in gradients:
        formula = str(gradient.get("mathml") or "")
        forms = [(form, str(gradient[form])) for form in _FORMS if gradient.get(form) is not None]
        part = _render(
            "gradient.html",
            heading=str(gradient.get("quantity", "")),
            math=mathml.plain(formula) if formula else None,
            forms=forms,
            steps=wording.steps(gradient),
            code=None,
        )
        if budget.take(part):
            yield part
        else:
            budget.left_out += 1
    for form in _PROGRAMS:
        for text in wording.programs(gradients, form):
            part = _render("gradient.html", heading=form, math=None, forms=[], steps=[], code=text)
            if budget.take(part):
                yield part
