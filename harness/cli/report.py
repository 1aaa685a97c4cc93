"""``backproof report``: show the findings of an earlier run again, in any format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from backproof.cli.options import output_of, shared
from backproof.errors import UsageError


@click.command()
@click.argument("results", metavar="RESULTS.json")
@shared
def report(**values: Any) -> int:
    """Show the findings that a run wrote with --json."""
    output = output_of(values)
    from backproof.cli.output import emit
    from backproof.reports.errors import ReportError
    from backproof.reports.render_json import read

    path = Path(values["results"])
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        found = read(text)
    except ReportError as error:
        raise UsageError(f"{path}: {error}") from None
    return emit(found, output)
