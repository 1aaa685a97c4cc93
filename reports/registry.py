"""The formats that a report can be written in: a new one is registered here, and only here."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import PurePath

from backproof.reports import (
    render_github,
    render_json,
    render_junit,
    render_markdown,
    render_sarif,
    render_terminal,
)
from backproof.reports.errors import ReportError
from backproof.reports.finding import Report

Renderer = Callable[[Report], str]

_TEXT_WIDTH = 100


def _html(report: Report) -> str:
    # The templates' library is loaded only for those who want a page.
    from backproof.reports.render_html import render

    return render(report)


def _text(report: Report) -> str:
    return render_terminal.render(report, width=_TEXT_WIDTH, color=False)


renderers: dict[str, Renderer] = {
    "github": render_github.render,
    "html": _html,
    "json": render_json.render,
    "junit": render_junit.render,
    "markdown": render_markdown.render,
    "sarif": render_sarif.render,
    "text": _text,
}
"""From a format's name to what renders a report in it."""

suffixes: dict[str, str] = {
    ".html": "html",
    ".htm": "html",
    ".json": "json",
    ".xml": "junit",
    ".sarif": "sarif",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
}
"""From the end of a file's name to the format that it stands for."""


def renderer(name: str) -> Renderer:
    """Return the renderer of a format.

    Args:
        name: a key of :data:`renderers`.

    Raises:
        ReportError: there is no such format; the message names those that there are.
    """
    if name not in renderers:
        raise ReportError(f"no format {name!r}; there are {', '.join(sorted(renderers))}")
    return renderers[name]


def format_of(path: str | os.PathLike[str]) -> str:
    """Return the name of the format that a file's name stands for.

    Args:
        path: a path; only its suffix counts, in upper or lower case.

    Raises:
        ReportError: no format has this suffix; the message names those that there are.
    """
    suffix = PurePath(path).suffix.lower()
    if suffix not in suffixes:
        known = ", ".join(sorted(suffixes))
        raise ReportError(f"no format for {os.fspath(path)!r}: its name ends in none of {known}")
    return suffixes[suffix]
