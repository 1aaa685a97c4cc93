"""``backproof compare``: judge claims about gradients, in index or in matrix notation."""

from __future__ import annotations

from typing import Any

import click

from backproof.cli.options import output_of, shared


@click.command()
@click.argument("claims", nargs=-1, required=True, metavar='"LEFT = RIGHT" ...')
@click.option("--given", metavar='"EQUATIONS"|FILE|NAME', help="What defines the names.")
@click.option("--layout", metavar="L", help="Of a named layer, such as 'ni,io->no'.")
@click.option("--activation", metavar="G", help="What g stands for.")
@click.option("--depth", type=click.IntRange(1, 1000), help="Layers, for the name network.")
@click.option(
    "--scale",
    type=click.Choice(["sum", "mean"]),
    default="sum",
    help="mean: gradients of parameters are divided by the number of samples.",
)
@shared
def compare(**values: Any) -> int:
    """Judge each claim: it holds, is refuted with a smallest counterexample, or is unknown.

    In matrix notation juxtaposition is the matrix product, ^T the transpose, * and ⊙ the
    entrywise product, sum_n(...) the sum over the axis n.
    """
    output = output_of(values)
    from backproof.cli.output import emit
    from backproof.comparing import compare_claims
    from backproof.stating import state

    spec = None
    if values["given"] is not None:
        spec = state(
            values["given"],
            layout=values["layout"],
            activation=values["activation"],
            depth=values["depth"],
            scale=values["scale"],
        )
    return emit(compare_claims(values["claims"], spec), output)
