"""Judging claims: from the answers of ``spec`` to findings."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import backproof
from backproof.derived_forms import derived_form
from backproof.reports.finding import (
    Check,
    Counterexample,
    Evidence,
    Finding,
    Mistake,
    MistakeKind,
    Report,
    Shapes,
    Verdict,
)
from backproof.spec.claims.reading import Claim, read_claim
from backproof.spec.deadline import OutOfTimeError, time_limit
from backproof.spec.deciding.claim_mistakes import name_mistake
from backproof.spec.deciding.equal import Answer, Kind, decide
from backproof.spec.deciding.special_cases import special_case
from backproof.spec.layer import Spec
from backproof.spec.terms import Entry
from backproof.spec.witnesses.witness import NO_VALUE, Witness

VERDICTS = {
    Kind.EQUAL: Verdict.HOLDS,
    Kind.DIFFERENT: Verdict.REFUTED,
    Kind.ASSUMES: Verdict.ASSUMES,
    Kind.UNKNOWN: Verdict.UNKNOWN,
}


# How long one claim may take where nobody says so, and how long a witness is looked for.
BUDGET = 10.0
SECONDS = 5.0


def compare_claims(
    claims: Sequence[str], spec: Spec | None = None, budget: float = BUDGET
) -> Report:
    """Judge claims in order, each against what is given.

    Args:
        claims: as they are written.
        spec: what is given.
        budget: how many seconds to take for a claim; after these it is ``unknown``.

    Raises:
        SpecError: a claim cannot be read, or what is given contradicts itself.
    """
    read = [read_claim(text, spec.derivation if spec is not None else None) for text in claims]
    findings = [_finding(k, claim, spec, budget) for k, claim in enumerate(read, start=1)]
    environment = {"given": str(spec)} if spec is not None else {}
    return Report(
        command="compare",
        version=backproof.__version__,
        findings=findings,
        environment=environment,
    )


def _finding(number: int, claim: Claim, spec: Spec | None, budget: float) -> Finding:
    until = time.monotonic() + budget
    answer = decide(claim, seconds=min(SECONDS, budget), budget=budget)
    quantity = claim.left.tensor if isinstance(claim.left, Entry) else (claim.about or None)
    derived = correction = mistake = None
    if spec is not None and quantity is not None:
        equation = spec.equation(quantity)
        if equation is not None:
            derived = derived_form(equation)
            if answer.kind is Kind.DIFFERENT:
                correction = equation.index if "[" in claim.text else equation.matrix
                mistake = _mistake(claim, quantity, until - time.monotonic())
    shapes = None
    if claim.trouble and any(claim.shapes):
        shapes = Shapes(expected=claim.shapes[0], got=claim.shapes[1])
    return Finding(
        id=f"C{number}",
        check=Check.CLAIM,
        verdict=VERDICTS[answer.kind],
        quantity=quantity,
        statement=claim.text.strip(),
        message=answer.reason,
        mistake=mistake,
        correction=correction,
        assumption=answer.assumption or None,
        derived=derived,
        counterexample=_counterexample(claim, answer),
        shapes=shapes,
        evidence=_evidence(answer),
        notes=_notes(claim, answer),
    )


def _evidence(answer: Answer) -> list[Evidence]:
    if answer.certificate:
        shown = answer.certificate
        if len(shown) > 400:
            shown = shown[:397] + "..."
        return [Evidence(oracle="normal form", agrees=True, note=f"both sides are {shown}")]
    return []


def _mistake(claim: Claim, quantity: str, seconds: float) -> Mistake | None:
    """The mistake by name; None where no name was found in time."""
    try:
        with time_limit(seconds):
            found = name_mistake(claim, quantity)
    except OutOfTimeError:
        return None
    if found is None:
        return None
    return Mistake(
        kind=MistakeKind(found.kind), variant=found.variant or None, sentence=found.sentence
    )


def _notes(claim: Claim, answer: Answer) -> list[str]:
    """What else there is to say, and where an assumption that is needed fails."""
    notes = list(answer.notes)
    if answer.kind is Kind.DIFFERENT:
        notes += filter(None, [special_case(claim)])
    if answer.words != answer.assumption:
        notes.append(f"that is, {answer.words}")
    if answer.without is not None:
        given = [f"{axis} = {size}" for axis, size in answer.without.sizes.items()]
        given += [f"{name} = {_written(v)}" for name, v in answer.without.inputs.items()]
        given += answer.without.functions.values()
        values = _sentence(claim, answer.without)
        notes.append(f"without it the claim fails: with {', '.join(given)} {values}")
    return notes


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return str(value)


def _counterexample(claim: Claim, answer: Answer) -> Counterexample | None:
    witness = answer.witness
    if witness is None:
        return None
    inputs = {name: _plain(value) for name, value in witness.inputs.items()}
    inputs |= dict(witness.functions)
    return Counterexample(
        sizes=dict(witness.sizes),
        inputs=inputs,
        expected=_plain(witness.left_array) if witness.left_array is not None else witness.left,
        got=_plain(witness.right_array) if witness.right_array is not None else witness.right,
        sentence=_sentence(claim, witness),
    )


def _sentence(claim: Claim, witness: Witness) -> str:
    place = ""
    if witness.position:
        inside = ", ".join(
            f"{i.name} = {p + 1}" for i, p in zip(claim.indices, witness.position, strict=True)
        )
        place = f" at {inside}"
    left, right = (
        "has no value" if value == NO_VALUE else f"is {value}"
        for value in (witness.left, witness.right)
    )
    # Two values are set side by side under one verb.
    right = right.removeprefix("is ") if left.startswith("is ") else right
    return f"the left side {left}{place}, the right side {right}"


def _plain(value: Any) -> Any:
    """Whole numbers as numbers, other rationals as text."""
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else str(value)
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return value
