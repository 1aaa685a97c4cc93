"""What ``verify --mutants`` adds: the kill matrix of each layer, below its report."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
import msgspec

from backproof.cli.options import Output
from backproof.cli.output import use_color
from backproof.errors import UsageError
from backproof.reports.finding import Report
from backproof.spec.errors import SpecError

if TYPE_CHECKING:
    from backproof.mutating.matrix import Matrix


@dataclass
class Planted:
    """The matrices of a run.

    Attributes:
        matrices: of the layers into which mistakes could be planted.
        refused: why there is none, for the other layers.
    """

    matrices: list[Matrix] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def gap(self) -> bool:
        """Whether the gate has a gap: a survivor, or a layer that could not be tried."""
        return bool(self.refused) or any(m.survivors for m in self.matrices)


def plant(subjects: Sequence[str], spec: str | None, options: dict[str, Any]) -> Planted:
    """Plant mistakes into each layer.

    Raises:
        UsageError: no layer is named.
    """
    from backproof.api import mutants

    if not subjects:
        raise UsageError(
            "--mutants plants mistakes into your own layers, and none is named",
            "write for example backproof verify layers.py:Dense --mutants",
        )
    found = Planted()
    for subject in subjects:
        try:
            found.matrices.append(mutants(subject, spec, **options))
        except (UsageError, SpecError) as error:
            found.refused[subject] = str(error)
    return found


def with_mutants(report: Report, planted: Planted) -> Report:
    """The report with the matrices under "mutants" of its environment."""
    data: dict[str, Any] = {m.label: m.data() for m in planted.matrices}
    data |= {label: {"refused": why} for label, why in planted.refused.items()}
    return msgspec.structs.replace(report, environment={**report.environment, "mutants": data})


def show(planted: Planted, output: Output) -> None:
    """Print the matrices below the report, where that is text; what was refused, in any case."""
    from backproof.mutating.showing import render

    to_stdout = any(path == "-" for _, path in output.files)
    if output.format == "text" and not to_stdout and not output.quiet:
        width = shutil.get_terminal_size((100, 24)).columns
        for matrix in planted.matrices:
            text = render(matrix, width=width, color=use_color(output.color))
            click.echo(f"\n{text}", nl=False, color=True)
    for label, why in planted.refused.items():
        click.echo(f"no mutants of {label}: {why}", err=True)
