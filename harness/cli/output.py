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
    """Print and write a report; return the exit code.

    Raises:
        UsageError: a file cannot be written.
    """
    from backproof.reports.errors import ReportError

    write_files(report, output)
    try:
        to_stdout = next((kind for kind, path in output.files if path == "-"), None)
        text = _printed(report, output, to_stdout or output.format)
    except ReportError as error:
        raise UsageError(str(error)) from None
    click.echo(text, nl=not text.endswith("\n"), color=True)
    if output.format == "github":
        _add_to_summary(report)
    return exit_code(report, output)


def write_files(report: Report, output: Output) -> None:
    """Write a report to the files that were asked for.

    Raises:
        UsageError: one cannot be written.
    """
    from backproof.reports.errors import ReportError
    from backproof.reports.registry import renderer
    from backproof.reports.write import write_text

    try:
        for kind, path in output.files:
            if path != "-":
                write_text(Path(path), renderer(kind)(report))
    except ReportError as error:
        raise UsageError(str(error)) from None


def _printed(report: Report, output: Output, kind: str) -> str:
    """What goes to standard output."""
    from backproof.reports.registry import renderer

    if kind == "text":
        from backproof.reports.render_terminal import render

        return render(
            report,
            width=shutil.get_terminal_size((100, 24)).columns,
            color=use_color(output.color),
            quiet=output.quiet,
            unicode=_unicode(),
        )
    if kind == "github":
        from backproof.reports.render_github import render as render_github

        return render_github(report, root=os.environ.get("GITHUB_WORKSPACE") or None)
    return renderer(kind)(report)


def _add_to_summary(report: Report) -> None:
    """Append a report to the summary of a job on GitHub, where there is one.

    A summary that cannot be written is no reason to fail: a verdict stands.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    from backproof.reports.errors import ReportError
    from backproof.reports.render_github import MOST_SUMMARY
    from backproof.reports.render_markdown import render
    from backproof.reports.write import append_text

    try:
        room = MOST_SUMMARY - _size(Path(path))
        append_text(path, render(report, limit=max(room, 0)))
    except ReportError as error:
        click.echo(f"warning: the job's summary is not written: {error}", err=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


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
