"""``backproof compare``: judge claims about gradients, in index or in matrix notation."""

from __future__ import annotations

from typing import Any

import click

from backproof.cli.options import output_of, shared, spec_of, stated


@click.command()
@click.argument("claims", nargs=-1, required=True, metavar='"LEFT = RIGHT" ...')
@click.option("--given", metavar='"EQUATIONS"|FILE|NAME', help="What defines the names.")
@stated
@shared
def compare(**values: Any) -> int:
    """Judge each claim: it holds, is refuted with a smallest counterexample, or is unknown.

    In matrix notation juxtaposition is the matrix product, ^T the transpose, * and ⊙ the
    entrywise product, sum_n(...) the sum over the axis n.
    """
    output = output_of(values)
    from backproof.cli.output import emit
    from backproof.comparing import compare_claims

    spec = None if values["given"] is None else spec_of(values["given"], values)
    return emit(compare_claims(values["claims"], spec), output)
