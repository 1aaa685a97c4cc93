"""The gate: prepared layers, one after the other, to one report; what fails is recorded."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import backproof
from backproof.controls import limits as detection_limits
from backproof.crosscheck import Answers
from backproof.errors import UsageError
from backproof.findings import broken_finding, unusable_finding
from backproof.judging import Judged, judged
from backproof.preparing import Prepared
from backproof.recording import Failure, keep, recorded_case
from backproof.reports.finding import Check, Control, Finding, Report, Verdict
from backproof.verifying import Settings

# Called with the label of each subject before it runs, how many were run, and of how many.
Progress = Callable[[str, int, int], None]


def judge_all(
    layers: Sequence[Prepared], wanted: Settings, progress: Progress | None, record: Path | None
) -> Report:
    """Judge every layer.

    Args:
        layers: what to judge.
        wanted: how much is run.
        progress: told the label of each layer before it runs.
        record: the folder in which failures are recorded; None to record nothing.

    Raises:
        UsageError: there is nothing to verify, or failures cannot be recorded.
    """
    if not layers:
        raise UsageError("nothing to verify")
    answers = Answers()
    findings: list[Finding] = []
    controls: dict[str, Control] = {}
    notes: list[str] = []
    failures: dict[str, list[Failure]] = {}
    for number, layer in enumerate(layers):
        if progress is not None:
            progress(layer.label, number, len(layers))
        found = judged(layer.subject, wanted, answers) if layer.subject is not None else None
        if found is None:
            own = [_not_run(layer)]
        else:
            own = found.findings
            if found.seen.control is not None:
                controls[layer.label] = found.seen.control.result()
            notes += [f"{layer.label}: {fact}" for fact in found.seen.subject.facts]
        findings += own
        failures[layer.label] = _failures(layer, found, own, wanted)
    if record is not None:
        keep(record, failures)
    return Report(
        command="verify",
        version=backproof.__version__,
        findings=findings,
        controls=controls,
        notes=notes,
        environment=_environment(wanted, controls),
    )


def _not_run(layer: Prepared) -> Finding:
    if layer.broken is not None:
        return broken_finding(layer.label, layer.broken)
    assert layer.unusable is not None
    return unusable_finding(layer.label, layer.unusable)


def _failures(
    layer: Prepared, found: Judged | None, findings: Sequence[Finding], wanted: Settings
) -> list[Failure]:
    """What is wrong, with the case at which it shows; nothing where no process could load it."""
    if layer.request is None or layer.unusable is not None:
        return []
    kept = []
    for finding in findings:
        if finding.verdict not in (Verdict.REFUTED, Verdict.ERROR):
            continue
        case = None
        if found is not None and finding.check in (Check.CRASH, Check.TIMEOUT):
            case = next((c.case for c in found.seen.crashes), None)
        elif found is not None and finding.check in (Check.GRADIENT, Check.FORWARD):
            # A wrong shape, or one that is not finite, shows in the values as well.
            shown = found.smallest.get(finding.quantity or "")
            case = None if shown is None else shown.case
        if found is not None and case is None:
            continue
        kept.append(
            Failure(
                finding=finding,
                subject=layer.label,
                request=layer.request,
                accumulate=None if layer.subject is None else layer.subject.accumulate,
                elementary=1.0 if layer.subject is None else layer.subject.elementary,
                infer=wanted.infer,
                case=None if case is None else recorded_case(case),
            )
        )
    return kept


def _environment(wanted: Settings, controls: Mapping[str, Control]) -> dict[str, Any]:
    import jax
    import sympy

    return {
        "seed": wanted.seed,
        "examples": wanted.examples,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "jax": jax.__version__,
        "sympy": sympy.__version__,
        "limits": detection_limits(controls.values()),
    }
