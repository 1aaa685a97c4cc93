"""``backproof derive``: the gradients of a layer given as equations."""

from __future__ import annotations

from typing import Any

import click

from backproof.cli.options import output_of, shared, spec_of, stated

FORMS = ("index", "matrix", "einsum", "latex", "mathml", "numpy", "jax")


@click.command()
@click.argument("given", metavar='"EQUATIONS" | FILE | NAME')
@click.option("--wrt", multiple=True, metavar="T", help="Only the gradient of this tensor.")
@click.option("--form", type=click.Choice(FORMS), default="index", help="The notation.")
@click.option("--steps", is_flag=True, help="Print the derivation, one rule a line.")
@click.option("--expand", is_flag=True, help="Down to the inputs, without intermediates.")
@stated
@shared
def derive(**values: Any) -> int:
    """Derive the gradients of a layer, for every shape.

    NAME is one of dense, dense-l (layer l of a network), network, mean_squared_error,
    binary_cross_entropy, softmax_cross_entropy.
    """
    output = output_of(values)
    from backproof.deriving import derivation_report, derivation_text

    spec = spec_of(values["given"], values)
    wanted = values["wrt"]
    if output.files or output.format == "json":
        from backproof.cli.output import emit

        report = derivation_report(spec, wanted, expand=values["expand"])
        if any(path == "-" for _, path in output.files) or output.format == "json":
            return emit(report, output)
        from pathlib import Path

        from backproof.reports.registry import renderer
        from backproof.reports.write import write_text

        for kind, path in output.files:
            write_text(Path(path), renderer(kind)(report))
    click.echo(
        derivation_text(
            spec, wanted, form=values["form"], steps=values["steps"], expand=values["expand"]
        )
    )
    return 0
