"""From a report to what is printed and written, and to the exit code."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from backproof.cli.options import Output
from backproof.errors import UsageError
from backproof.reports.finding import Report, Verdict


def exit_code(report: Report, output: Output) -> int:
    """0: everything holds; 1: something is refuted or failed; 2: nothing was judged."""
    if output.exit_zero:
        return 0
    if report.gradients is not None:
        return 0
    if not report.findings:
        return 2
    counts = report.counts
    if not report.ok:
        return 1
    if output.strict and (counts[Verdict.UNKNOWN] or counts[Verdict.UNREAD]):
        return 1
    if not counts[Verdict.HOLDS] and not counts[Verdict.ASSUMES]:
        # A gate that verified nothing never passes.
        return 2
    return 0


def emit(report: Report, output: Output) -> int:
    """Print and write a report; return the exit code."""
    from backproof.reports.errors import ReportError
    from backproof.reports.registry import renderer
    from backproof.reports.render_terminal import render as render_text
    from backproof.reports.write import write_text

    to_stdout = next((kind for kind, path in output.files if path == "-"), None)
    for kind, path in output.files:
        if path != "-":
            try:
                write_text(Path(path), renderer(kind)(report))
            except ReportError as error:
                raise UsageError(str(error)) from None
    kind = to_stdout or ("json" if output.format == "json" else "text")
    if kind == "text":
        text = render_text(
            report,
            width=shutil.get_terminal_size((100, 24)).columns,
            color=use_color(output.color),
            quiet=output.quiet,
            unicode=_unicode(),
        )
    else:
        text = renderer(kind)(report)
    click.echo(text, nl=not text.endswith("\n"), color=True)
    return exit_code(report, output)


def use_color(choice: str) -> bool:
    """Whether to print colours: NO_COLOR wins over FORCE_COLOR, a flag wins over both."""
    if choice != "auto":
        return choice == "yes"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _unicode() -> bool:
    try:
        "✓✗⊙".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
