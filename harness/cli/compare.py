"""``backproof compare``: judge claims about gradients, in index or in matrix notation."""

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

if TYPE_CHECKING:
    from backproof.reports.finding import Report
    from backproof.spec.claims.reading import Claim
    from backproof.spec.deriving.derive import Derivation
    from backproof.spec.layer import Spec


@click.command()
@click.argument("claims", nargs=-1, required=True, metavar='"LEFT = RIGHT" ...')
@click.option("--given", metavar='"EQUATIONS"|FILE|NAME', help="What defines the names.")
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    envvar="BACKPROOF_BUDGET",
    metavar="SECONDS",
    help="For each claim; after that it is unknown.",
)
@certified
@stated
@shared
def compare(**values: Any) -> int:
    """Judge each claim: it holds, is refuted with a smallest counterexample, or is unknown.

    In matrix notation juxtaposition is the matrix product, ^T the transpose, * and ⊙ the
    entrywise product, sum_n(...) the sum over the axis n.
    """
    output = output_of(values)
    certificate = certificate_path(values)
    from backproof.cli.output import emit
    from backproof.comparing import compare_claims

    spec = None if values["given"] is None else spec_of(values["given"], values)
    report = compare_claims(values["claims"], spec, values["budget"])
    if certificate is not None:
        _certify(certificate, values["claims"], spec, report)
    return emit(report, output)


def _certify(path: Path, texts: tuple[str, ...], spec: Spec | None, report: Report) -> None:
    """Write a certificate of all claims that hold, or say why there is none; a verdict stands."""
    from backproof.reports.finding import Verdict
    from backproof.spec.certificates.certificate import NoCertificateError, certificate
    from backproof.spec.claims.reading import read_claim

    derivation = None if spec is None else spec.derivation
    pairs = zip(texts, report.findings, strict=True)
    held = [read_claim(text, derivation) for text, f in pairs if f.verdict is Verdict.HOLDS]
    if not held:
        click.echo(f"no certificate is written to {path}: no claim holds", err=True)
        return
    # Where nothing is given, each claim has a derivation of its own that only names tensors.
    bare = held[0].derivation
    given: Derivation = bare if derivation is None else derivation
    try:
        write_certificate(path, certificate(given, claims=held))
    except NoCertificateError as error:
        why = _without_certificate(given, held) or str(error)
        click.echo(f"no certificate is written to {path}: {why}", err=True)


def _without_certificate(given: Derivation, held: list[Claim]) -> str:
    """The first claim that has no certificate by itself, and why; empty where each has one."""
    from backproof.spec.certificates.certificate import NoCertificateError, certificate

    for claim in held:
        try:
            certificate(given, claims=[claim])
        except NoCertificateError as error:
            shown = "the claim holds, but it has no certificate of the simple kind"
            return f"{claim.text}: {shown}: {error}"
    return ""
