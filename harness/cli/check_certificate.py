"""``backproof check-certificate``: replay a certificate, step by step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backproof.cli.options import output_of, shared
from backproof.errors import UsageError

if TYPE_CHECKING:
    from backproof.reports.finding import Report


@click.command("check-certificate")
@click.argument("file", metavar="FILE")
@shared
def check_certificate(**values: Any) -> int:
    """Check every step of a certificate that derive or compare wrote with --certificate.

    The checker shares nothing with what found the certificate; what it accepted is then shown as
    equations.
    """
    output = output_of(values)
    from backproof.cli.output import emit

    return emit(_replayed(Path(values["file"])), output)


def _replayed(path: Path) -> Report:
    """What the certificate proves, or the step that is not valid."""
    import backproof
    from backproof.reports.finding import Check, Finding, Report, Verdict
    from backproof.spec.certificates.certificate import proved
    from backproof.spec.certificates.rules import Refused

    def finding(number: int, check: Check, statement: str, message: str) -> Finding:
        return Finding(
            id=f"P{number}",
            check=check,
            verdict=Verdict.HOLDS,
            quantity=statement.split(" = ")[0].split("[")[0],
            statement=statement,
            message=message,
        )

    findings: list[Finding] = []
    notes: list[str] = []
    try:
        found = proved(_read(path))
    except Refused as error:
        refusal = Finding(
            id="P1",
            check=Check.CLAIM,
            verdict=Verdict.REFUTED,
            quantity="certificate",
            statement=str(path),
            message=f"a step is not valid: {_worded(str(error))}",
        )
        findings.append(refusal)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    else:
        notes = [f"given {text}" for text in found.given]
        notes += [f"proved where {text}" for text in found.assumed]
        for equation, mean in found.gradients:
            declared = f", divided by size({mean}) as declared" if mean else ""
            message = f"every step of the derivation is valid{declared}"
            findings.append(finding(len(findings) + 1, Check.GRADIENT, equation, message))
        for equation in found.claims:
            message = "every step of the proof is valid"
            findings.append(finding(len(findings) + 1, Check.CLAIM, equation, message))
    return Report(
        command="check-certificate",
        version=backproof.__version__,
        findings=findings,
        notes=notes,
    )


def _worded(message: str) -> str:
    """With the rules as a derivation's steps show them."""
    from backproof.spec.deriving.derive import Rule

    for rule in Rule:
        message = message.replace(f"({rule.name})", f"({rule})")
    return message.replace("(EQUAL)", "(both sides are one, written out)")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: this is no JSON: {error}") from None
