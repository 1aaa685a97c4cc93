"""``backproof replay``: run recorded failures again."""

from __future__ import annotations

from typing import Any

import click

from backproof.cli.options import limited, memory_of, output_of, shared


@click.command()
@click.argument("name", required=False, metavar="[ID]")
@limited
@shared
def replay(**values: Any) -> int:
    """Run what 'backproof verify' refuted again, each at its smallest case.

    ID is a finding's, such as layers.py:Dense/dW, or a part of one; without it, all that is
    recorded in .backproof is run. Exit code 0: none of it fails any more.
    """
    output = output_of(values)
    import backproof
    from backproof.cli.output import emit
    from backproof.isolation.supervisor import Limits
    from backproof.recording import FOLDER, kept
    from backproof.replaying import replay as run_again

    limits = Limits(values["timeout"], memory_of(values))
    failures = kept(FOLDER, values["name"])
    return emit(run_again(failures, limits, backproof.__version__), output)
