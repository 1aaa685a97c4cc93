"""``backproof derive``: the gradients of a layer given as equations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backproof.cli.options import (
    certificate_path,
    certified,
    output_of,
    shared,
    spec_of,
    stated,
    write_certificate,
)
from backproof.errors import UsageError

if TYPE_CHECKING:
    from backproof.spec.layer import Spec

FORMS = ("index", "matrix", "einsum", "latex", "mathml", "numpy", "jax")


@click.command()
@click.argument("given", metavar='"EQUATIONS" | FILE | NAME')
@click.option("--wrt", multiple=True, metavar="T", help="Only the gradient of this tensor.")
@click.option("--form", type=click.Choice(FORMS), default="index", help="The notation.")
@click.option("--steps", is_flag=True, help="Print the derivation, one rule a line.")
@click.option("--expand", is_flag=True, help="Down to the inputs, without intermediates.")
@click.option(
    "--jvp",
    "mode",
    flag_value="jvp",
    type=click.Choice(["jvp", "hvp"]),
    help="Forward mode: how each tensor changes along tW; --wrt says what varies.",
)
@click.option(
    "--hvp",
    "mode",
    flag_value="hvp",
    type=click.Choice(["jvp", "hvp"]),
    help="Second derivatives: how each gradient changes along tW; --wrt says what varies.",
)
@certified
@stated
@shared
def derive(**values: Any) -> int:
    """Derive the gradients of a layer, for every shape.

    NAME is a layer of the library, such as dense, network, attention, layer_norm, conv1d,
    softmax_cross_entropy; a name that is not known is answered with all that are.
    """
    output = output_of(values)
    certificate = certificate_path(values)
    from backproof.deriving import Mode, derivation_report, derivation_text

    spec = spec_of(values["given"], values)
    wanted, mode = values["wrt"], Mode(values["mode"] or "gradients")
    if certificate is not None:
        if mode is not Mode.GRADIENTS:
            raise UsageError(
                "a certificate is of gradients: --certificate goes without --jvp, --hvp"
            )
        _write_certificate(certificate, spec, wanted, values["expand"])
    if output.files or output.format == "json":
        from backproof.cli.output import emit, write_files

        report = derivation_report(spec, wanted, expand=values["expand"], mode=mode)
        if any(path == "-" for _, path in output.files) or output.format == "json":
            return emit(report, output)
        write_files(report, output)
    click.echo(
        derivation_text(
            spec,
            wanted,
            form=values["form"],
            steps=values["steps"],
            expand=values["expand"],
            mode=mode,
        )
    )
    return 0


def _write_certificate(path: Path, spec: Spec, wanted: tuple[str, ...], expand: bool) -> None:
    from backproof.deriving import chosen_gradients
    from backproof.spec.certificates.certificate import NoCertificateError, certificate
    from backproof.spec.claims.reading import Claim

    shown = [e for e in chosen_gradients(spec, wanted, expand) if not e.is_upstream]
    claims = [
        Claim(str(e), e.target, e.value, e.target.indices, spec.derivation) for e in shown if expand
    ]
    try:
        data = certificate(spec.derivation, [e.of for e in shown], claims)
    except NoCertificateError as error:
        raise UsageError(f"the derivation has no certificate: {error}") from None
    write_certificate(path, data)
