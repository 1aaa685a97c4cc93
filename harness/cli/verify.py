"""``backproof verify``: check layers; without a subject, the bundled ones."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from backproof.cli.options import limited, memory_of, output_of, shared
from backproof.errors import UsageError


@click.command()
@click.argument("subjects", nargs=-1, metavar="[SUBJECT ...]")
@click.option("--spec", metavar="FILE|NAME", help="What the layer should compute.")
@click.option("--layout", metavar="L", help="Instead of inferring it: 'ni,io->no', ...")
@click.option("--activation", metavar="G", help="Instead of inferring it.")
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="NAME=ATTR",
    help="How the layer calls a tensor, such as W=weights. Repeatable.",
)
@click.option(
    "--scale",
    type=click.Choice(["sum", "mean"]),
    help="mean: gradients of parameters are divided by the number of samples, on purpose.",
)
@click.option(
    "--accumulate",
    type=click.Choice(["float32", "float16", "bfloat16"]),
    help="The narrower format in which the layer computes on purpose.",
)
@click.option(
    "--elementary",
    type=click.FloatRange(1),
    default=1.0,
    metavar="TIMES",
    help="How many times the usual bounds the layer's exp, tanh, ... may err.",
)
@click.option(
    "--dtype",
    "dtypes",
    type=click.Choice(["float64", "float32", "float16", "bfloat16"]),
    multiple=True,
    default=["float64", "float32", "float16"],
    help="Of the inputs. Repeatable.  [default: the first three]",
)
@click.option(
    "--examples", type=click.IntRange(1), envvar="BACKPROOF_EXAMPLES", help="Cases for each layer."
)
@click.option(
    "--in-process",
    is_flag=True,
    envvar="BACKPROOF_IN_PROCESS",
    help="Run layers in this process, not in one of their own.",
)
@click.option(
    "--mutants",
    is_flag=True,
    help="Plant mistakes into the layer's own source, and say which of them are caught.",
)
@limited
@shared
def verify(**values: Any) -> int:
    """Check the forward and backward pass of layers.

    SUBJECT is path/to/file.py:Name or package.module:Name, where Name is a class, a function
    marked as a subject, or either half of a forward/backward pair of functions. Without one, the
    bundled layers are verified in every layout, activation and dtype.
    """
    output = output_of(values)
    mapping = dict(_pair(text) for text in values["mapping"])
    from backproof.api import verify as verify_layers
    from backproof.cli.output import emit
    from backproof.recording import FOLDER, recorded

    subjects = list(values["subjects"])
    same = ("layout", "activation", "scale", "accumulate", "elementary", "in_process", "timeout")
    options = {name: values[name] for name in same}
    options |= {"mapping": mapping, "memory": memory_of(values), "seed": output.seed}
    planted = None
    if values["mutants"]:
        from backproof.cli import planted as of_mutants

        planted = of_mutants.plant(subjects, values["spec"], options)
    report = verify_layers(
        subjects or None,
        values["spec"],
        **options,
        dtypes=values["dtypes"],
        examples=values["examples"],
        record=FOLDER,
        progress=None if output.quiet or not _shows_progress() else _progress,
    )
    if _shows_progress():
        click.echo("\r\033[K", err=True, nl=False)
    if planted is not None:
        report = of_mutants.with_mutants(report, planted)
    code = emit(report, output)
    if planted is not None:
        of_mutants.show(planted, output)
        if output.strict and planted.gap and not output.exit_zero:
            code = code or 1
    if not output.quiet and recorded(FOLDER):
        click.echo("recorded in .backproof: 'backproof replay' runs what failed again", err=True)
    return code


def _pair(text: str) -> tuple[str, str]:
    name, sign, attribute = text.partition("=")
    if not sign or not name or not attribute:
        raise UsageError(
            f"--map takes NAME=ATTR, found {text!r}", "write for example --map W=self.weights"
        )
    return name.strip(), attribute.strip()


def _shows_progress() -> bool:
    return sys.stderr.isatty() and not os.environ.get("CI")


def _progress(label: str, done: int, total: int) -> None:
    click.echo(f"\r\033[K[{done + 1}/{total}] {label}"[:100], err=True, nl=False)
