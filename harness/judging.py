"""One subject from its runs to its findings: observed, diagnosed, cross-checked, worded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backproof.cases import Case
from backproof.checking import BAD, Judgement, State
from backproof.conventions import (
    Convention,
    mean_over_samples,
    narrower_format,
    other_readings,
)
from backproof.crosscheck import Answers, crosscheck
from backproof.diagnosis import Diagnosis, diagnose
from backproof.findings import Wording
from backproof.reports.finding import Finding
from backproof.shrinking import smallest
from backproof.subjects import Subject
from backproof.verifying import Observations, Settings, observe


@dataclass(frozen=True)
class Judged:
    """What one subject's runs came to.

    Attributes:
        seen: what they showed.
        findings: the same in words.
        smallest: for each wrong quantity, the judgement at the smallest case.
    """

    seen: Observations
    findings: list[Finding]
    smallest: Mapping[str, Judgement]


def judged(subject: Subject, wanted: Settings, answers: Answers) -> Judged:
    """Run one subject and word what was seen, diagnosed and with the smallest cases."""
    assumed: list[Convention] = []
    narrower = narrower_format(subject) if wanted.infer else None
    if narrower is not None:
        assumed.append(narrower)
        subject = narrower.subject
    seen, wrong, diagnoses = _diagnosed(subject, wanted)
    mean = mean_over_samples(subject, diagnoses, seen.checker.wanted) if wanted.infer else None
    if mean is not None:
        assumed.append(mean)
        subject = mean.subject
        seen, wrong, diagnoses = _diagnosed(subject, wanted)
    if wrong and wanted.infer:
        right = [q for q in seen.checker.wanted if q not in wrong]
        gradients = [g.name for g in seen.checker.derivation.gradients.values()]
        certain = None
        for reading in other_readings(subject, diagnoses, right):
            again = _diagnosed(reading.subject, wanted)
            mended = set(wrong) - set(again[1])
            # A wrong forward pass alone is no other layer: only its gradients say that it is meant.
            if len(again[1]) < len(wrong) and not mended.isdisjoint(gradients):
                certain = reading, again
                break
            if reading.certain and set(again[1]) <= set(wrong):
                # What is wrong besides is named, and corrected, with this reading's own terms.
                certain = certain or (reading, again)
        if certain is not None:
            reading, (seen, wrong, diagnoses) = certain
            assumed.append(reading)
    checker = seen.checker
    forward_right = not any(checker.derivation.program.statement(q) is not None for q in wrong)
    oracles = crosscheck(checker, answers, _small_sizes(seen), forward_right=forward_right)
    smallest_cases = {q: _smallest(seen, q, js) for q, js in wrong.items()}
    wording = Wording(seen, diagnoses, smallest_cases, oracles, assumed)
    return Judged(seen, [*wording.findings(), *oracles.findings], smallest_cases)


def _diagnosed(
    subject: Subject, wanted: Settings
) -> tuple[Observations, dict[str, list[Judgement]], dict[str, Diagnosis]]:
    """What the runs of a subject showed, its wrong quantities, and what they come from."""
    seen = observe(subject, wanted)
    wrong = _wrong(seen)
    return seen, wrong, diagnose(seen.checker, wrong, _right(seen, wrong))


def _wrong(seen: Observations) -> dict[str, list[Judgement]]:
    """The judgements of each wrong quantity, the wrong ones first."""
    return {
        q: sorted(js, key=lambda j: j.state not in BAD)
        for q, js in seen.judgements.items()
        if any(j.state in BAD for j in js)
    }


def _right(seen: Observations, wrong: Iterable[str]) -> list[Judgement]:
    return [
        j
        for q, js in seen.judgements.items()
        if q not in wrong
        for j in js
        if j.state is State.RIGHT and not j.reused
    ]


def _small_sizes(seen: Observations) -> dict[str, int]:
    """Small distinct sizes; where a layer raised at those, small sizes at which it ran."""
    distinct = seen.checker.inputs.distinct_sizes
    ran = [
        dict(j.case.sizes)
        for judgements in seen.judgements.values()
        for j in judgements
        if j.got is not None and 2 <= min(j.case.sizes.values()) <= max(j.case.sizes.values()) <= 8
    ]
    reached: dict[tuple[tuple[str, int], ...], int] = {}
    for found in ran:
        key = tuple(found.items())
        reached[key] = reached.get(key, 0) + 1
    raised = {tuple(c.case.sizes.items()) for c in seen.crashes}
    if tuple(distinct.items()) not in raised or not reached:
        return distinct
    whole = {key: count for key, count in reached.items() if key not in raised}
    return dict(min(whole or reached, key=lambda key: (-len({s for _, s in key}), key)))


def _smallest(seen: Observations, quantity: str, judgements: Iterable[Judgement]) -> Judgement:
    checker = seen.checker
    bad = [j for j in judgements if j.state in BAD]
    # A wrong value of the right shape says more than a wrong shape.
    order = (State.WRONG, State.NONFINITE, State.SHAPE)
    first = min(
        bad,
        key=lambda j: (
            j.reused,
            order.index(j.state),
            j.case.format != "float64",
            j.expected.size,
        ),
    )
    if first.reused:
        return first

    def judgement_at(case: Case) -> Judgement | None:
        done = checker.run(case)
        right = checker.reference(case)
        return next((j for j in checker.judge(case, done, right) if j.quantity == quantity), None)

    def fails(case: Case) -> bool:
        found = judgement_at(case)
        return found is not None and found.state is first.state

    case = smallest(checker.inputs, fails, first.case)
    found = judgement_at(case)
    return found if found is not None and found.state in BAD else first
