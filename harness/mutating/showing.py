"""The kill matrix as text."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from backproof.mutating.matrix import Matrix, Tried
from backproof.mutating.trying import Fate
from backproof.reports.escape import visible

# More quantities than these say no more in a narrow column.
_LISTED = 5


def render(matrix: Matrix, *, width: int, color: bool = False) -> str:
    """The matrix as a table, after what survived.

    Args:
        matrix: of one layer.
        width: of the terminal, in columns.
        color: whether the text may have colours.

    Returns:
        Lines of text; what they quote of the layer is made safe to show.
    """
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        legacy_windows=False,
    )
    console.print(Text(f"mutants of {visible(matrix.label)}", style="bold"))
    for fate, title, style in _LISTS:
        _list(console, matrix, fate, title, style)
    console.print()
    console.print(_table(matrix))
    console.print()
    console.print(Text(summary(matrix)))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


_LISTS = (
    (Fate.SURVIVED, "survived: the gate takes them for right", "red"),
    (Fate.UNJUDGED, "not judged: 'unknown' to the gate, which fails under --strict", "yellow"),
    (Fate.ASSUMED, "said as an assumption, with a warning", "yellow"),
    (Fate.NO_EFFECT, "without effect: the same numbers at all cases", "dim"),
)


def _list(console: Console, matrix: Matrix, fate: Fate, title: str, style: str) -> None:
    found = matrix.of(fate)
    if not found:
        return
    console.print()
    console.print(Text(title, style=style))
    for one in found:
        for line in _entry(matrix, one):
            console.print(Text(line), soft_wrap=True)


def _entry(matrix: Matrix, one: Tried) -> Iterator[str]:
    mutant = one.mutant
    yield f"  {Path(matrix.file).name}:{mutant.line}  {mutant.kind}  {visible(mutant.sentence)}"
    yield f"    written:  {visible(mutant.before.strip())}"
    yield f"    planted:  {visible(mutant.after.strip())}"
    if one.result.remark and one.result.fate is not Fate.NO_EFFECT:
        yield f"    {visible(one.result.remark)}"


# Columns that are left out where nothing is in them.
_RARE = {Fate.UNJUDGED: "not judged", Fate.ASSUMED: "assumed", Fate.NO_EFFECT: "no effect"}


def _table(matrix: Matrix) -> Table:
    columns = {Fate.CAUGHT: "caught", Fate.SURVIVED: "survived"}
    columns |= {fate: title for fate, title in _RARE.items() if matrix.of(fate)}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    table.add_column("mistake", no_wrap=True)
    for column in ("planted", *columns.values()):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("caught by")
    for kind, found in matrix.kinds.items():
        fates = Counter(t.result.fate for t in found)
        cells = [str(fates[fate]) if fates[fate] else "-" for fate in columns]
        table.add_row(kind, str(len(found)), *cells, _by(found))
    return table


def _by(found: Sequence[Tried]) -> str:
    by = Counter(name for t in found for name in t.result.by)
    shown = [f"{name} {count}" for name, count in by.most_common(_LISTED)]
    return ", ".join(shown) + (", ..." if len(by) > _LISTED else "")


def summary(matrix: Matrix) -> str:
    """All counts in one line."""
    parts = [f"{len(matrix.tried)} mutants", f"{len(matrix.of(Fate.CAUGHT))} caught"]
    parts.append(f"{len(matrix.survivors)} survived")
    for fate in (Fate.UNJUDGED, Fate.ASSUMED, Fate.NO_EFFECT):
        if matrix.of(fate):
            parts.append(f"{len(matrix.of(fate))} {fate.value}")
    return ", ".join(parts)
