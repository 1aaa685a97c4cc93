"""Where a finding's file lies, as the formats of other programs want to be told."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from backproof.reports.finding import Where

# A file of code that is longer than this isn't read for one of its lines.
_LARGEST = 5_000_000
# The longest path that Linux takes; other systems take less.
_LONGEST = 4096


def file_of(where: Where | None) -> str | None:
    """Return the file of a place, None where there is none or its name can't be one.

    Args:
        where: a place, or None.
    """
    if where is None or not where.file or len(where.file) > _LONGEST or "\0" in where.file:
        return None
    return where.file


def relative(file: str, folder: str | os.PathLike[str]) -> str:
    """Write a path relative to a folder, with slashes.

    Args:
        file: a path as a finding has it: absolute, or relative to the current folder.
        folder: an absolute path.

    Returns:
        The path below the folder, or from the root where the file lies elsewhere.
    """
    path = os.path.normpath(Path.cwd() / file)
    try:
        return Path(path).relative_to(folder).as_posix()
    except ValueError:
        return Path(path).as_posix()


def uri(file: str, folder: str | os.PathLike[str]) -> str:
    """Write a path as a URI reference (RFC 3986), relative to a folder.

    Args:
        file: as for :func:`relative`.
        folder: as for :func:`relative`.

    Returns:
        ``layers/my%20layer.py``, or ``file:///elsewhere/layer.py`` for what lies elsewhere.
    """
    path = relative(file, folder)
    encoded = quote(path.encode(errors="surrogatepass"), safe="/")
    return f"file://{encoded}" if path.startswith("/") else encoded


def line_in_file(where: Where | None) -> int | None:
    """Return the line of a place that can be counted in the file as it lies on disk.

    Args:
        where: a place; in a notebook lines count in a cell, whose place in the file isn't known.
    """
    if where is None or file_of(where) is None or where.cell is not None:
        return None
    return where.line or None


class Span(NamedTuple):
    """Where a statement stands in its file: lines and columns count from 1, the end is after it."""

    line: int
    column: int
    end_line: int
    end_column: int


def span_of(where: Where | None, statement: str | None) -> Span | None:
    """Return where a statement begins and ends in its file.

    A place may lack the column, and lines quoted from a file may lack their indentation: then the
    file is looked into, if it's an ordinary file in the current folder or below.

    Args:
        where: the statement's place.
        statement: the statement as the finding quotes it.

    Returns:
        None where that isn't sure: in a cell of a notebook, or in a file that can't be read or
        has another text at that line by now.
    """
    line = line_in_file(where)
    wanted = (statement or "").strip().splitlines()
    file = file_of(where)
    if where is None or file is None or line is None or not wanted:
        return None
    if where.column and len(wanted) == 1:
        return Span(line, where.column, line, where.column + len(wanted[0]))
    found = _lines(file)[line - 1 : line - 1 + len(wanted)]
    if [text.strip() for text in found] != [text.strip() for text in wanted]:
        return None
    column = len(found[0]) - len(found[0].lstrip()) + 1
    return Span(line, column, line + len(found) - 1, len(found[-1].rstrip()) + 1)


def _lines(file: str) -> list[str]:
    path = Path(os.path.normpath(Path.cwd() / file))
    try:
        # A report may come from somebody else: it doesn't make this program read any file it likes.
        if not path.resolve().is_relative_to(Path.cwd().resolve()):
            return []
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _LARGEST:
            return []
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
