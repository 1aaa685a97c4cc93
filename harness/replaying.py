"""Recorded failures run again: does the layer still fail at the case that is kept?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from backproof.crosscheck import Answers
from backproof.findings import broken_finding
from backproof.isolation.remote import BrokenError, Remote
from backproof.isolation.supervisor import Limits
from backproof.judging import judged
from backproof.recording import Failure, case_from
from backproof.reports.finding import Check, Finding, Report, Verdict
from backproof.verifying import Settings

_CRASHES = (Check.CRASH, Check.TIMEOUT)


def replay(failures: Sequence[Failure], limits: Limits, version: str) -> Report:
    """Run each failure again at its own case.

    Args:
        failures: what was recorded.
        limits: of the layers' processes.
        version: of the report.

    Returns:
        a report with one finding for each: what is found now, or that it holds now.

    Raises:
        UsageError: a layer cannot be loaded any more.
    """
    answers = Answers()
    return Report(
        command="replay",
        version=version,
        findings=[_replayed(failure, limits, answers) for failure in failures],
    )


def _replayed(failure: Failure, limits: Limits, answers: Answers) -> Finding:
    with Remote(failure.request, limits) as remote:
        try:
            subject = remote.subject()
        except BrokenError as broken:
            return broken_finding(failure.subject, broken.error)
        subject = replace(subject, accumulate=failure.accumulate, elementary=failure.elementary)
        if failure.case is None:
            return _mended(failure, "it can be tried out now")
        case = case_from(failure.case)
        wanted = Settings(only=(case,), controls=False, infer=failure.infer)
        found = judged(subject, wanted, answers).findings
    again = [f for f in found if f.id == failure.id]
    if again:
        return _again(failure.finding, again[0])
    crashed = [f for f in found if f.check in _CRASHES]
    if crashed:
        return crashed[0]
    if failure.finding.check in _CRASHES:
        return _mended(failure, "it comes to its end at this case")
    lost = f"{failure.finding.quantity} is not shown any more, and was not judged"
    return structs.replace(failure.finding, verdict=Verdict.UNKNOWN, message=lost)


def _again(before: Finding, now: Finding) -> Finding:
    """What is found now; with the explanation of many cases where the result is still the same."""
    then, shown = before.counterexample, now.counterexample
    if then is None or shown is None or then.got != shown.got:
        return now
    return structs.replace(before, counterexample=shown, evidence=now.evidence)


def _mended(failure: Failure, what: str) -> Finding:
    return Finding(
        id=failure.id,
        check=failure.finding.check,
        verdict=Verdict.HOLDS,
        subject=failure.subject,
        message=f"{what}; it was: {failure.finding.message}",
    )
