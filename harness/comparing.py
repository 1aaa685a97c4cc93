"""Judging claims: from the answers of ``spec`` to findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import permutations
from typing import Any

import backproof
from backproof.reports.finding import (
    Check,
    Counterexample,
    Derived,
    Evidence,
    Finding,
    Mistake,
    MistakeKind,
    Report,
    Shapes,
    Verdict,
)
from backproof.spec.claims import Claim, read_claim
from backproof.spec.compose import on_axes
from backproof.spec.equal import Answer, Kind, decide
from backproof.spec.expand import expand
from backproof.spec.layer import Spec
from backproof.spec.mistakes import WrongForm, wrong_forms
from backproof.spec.normal import TooLargeError, normalise
from backproof.spec.terms import Entry, Index, Term, substitute
from backproof.spec.witness import Witness

VERDICTS = {
    Kind.EQUAL: Verdict.HOLDS,
    Kind.DIFFERENT: Verdict.REFUTED,
    Kind.ASSUMES: Verdict.ASSUMES,
    Kind.UNKNOWN: Verdict.UNKNOWN,
}


def compare_claims(claims: Sequence[str], spec: Spec | None = None) -> Report:
    """Judge claims in order, each against what is given.

    Raises:
        SpecError: a claim cannot be read.
    """
    read = [read_claim(text, spec.derivation if spec is not None else None) for text in claims]
    findings = [_finding(k, claim, spec) for k, claim in enumerate(read, start=1)]
    environment = {"given": str(spec)} if spec is not None else {}
    return Report(
        command="compare",
        version=backproof.__version__,
        findings=findings,
        environment=environment,
    )


def _finding(number: int, claim: Claim, spec: Spec | None) -> Finding:
    answer = decide(claim)
    quantity = claim.left.tensor if isinstance(claim.left, Entry) else (claim.about or None)
    derived = correction = mistake = None
    if spec is not None and quantity is not None:
        equation = spec.equation(quantity)
        if equation is not None:
            derived = Derived(index=equation.index, matrix=equation.matrix, latex=equation.latex)
            if answer.kind is Kind.DIFFERENT:
                correction = equation.index if "[" in claim.text else equation.matrix
                mistake = name_mistake(claim, spec, quantity)
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
    )


def _evidence(answer: Answer) -> list[Evidence]:
    if answer.certificate:
        shown = answer.certificate
        if len(shown) > 400:
            shown = shown[:397] + "..."
        return [Evidence(oracle="normal form", agrees=True, note=f"both sides are {shown}")]
    return []


def name_mistake(claim: Claim, spec: Spec, quantity: str) -> Mistake | None:
    """The mistake of the catalogue that turns the right equation into the claim's right side."""
    if claim.right is None:
        return Mistake(kind=MistakeKind.SHAPE, sentence=claim.trouble)
    # In terms of the intermediates first: only what no form explains there is written out.
    for write in (lambda term: term, lambda term: expand(spec.derivation, term)):
        best = _lightest(claim, spec, quantity, write)
        if best is not None:
            break
    if best is None:
        return Mistake(kind=MistakeKind.SHAPE, sentence=claim.trouble) if claim.trouble else None
    return Mistake(
        kind=MistakeKind(best.mistake.kind),
        variant=best.mistake.variant,
        sentence=best.mistake.sentence,
    )


def _lightest(
    claim: Claim, spec: Spec, quantity: str, write: Callable[[Term], Term]
) -> WrongForm | None:
    """The least far-fetched wrong form whose right side is the claim's."""
    assert claim.right is not None
    best: WrongForm | None = None
    try:
        written = normalise(write(claim.right))
    except (TooLargeError, ArithmeticError, ValueError):
        return None
    for form in wrong_forms(spec.derivation, quantity):
        if len(form.indices) != len(claim.indices):
            continue
        if best is not None and form.mistake.weight >= best.mistake.weight:
            continue
        for indices in _orders(claim):
            change = dict(zip(form.indices, indices, strict=True))
            try:
                value = normalise(write(_one_axis(substitute(form.value, change), claim)))
            except (TooLargeError, ArithmeticError, ValueError):
                continue
            # A form that comes to nothing at all explains nothing.
            if value == written and not value.is_zero:
                best = form
    return best


def _orders(claim: Claim) -> list[tuple[Index, ...]]:
    """The order of the left side's indices; any order where the right side has others besides."""
    named = claim.left.indices if isinstance(claim.left, Entry) else claim.indices
    if len(named) == len(claim.indices):
        return [claim.indices]
    return list(permutations(claim.indices))


def _one_axis(term: Term, claim: Claim) -> Term:
    """Write merged axes under the name that the claim's terms use."""
    return on_axes(term, {right: left for left, right in claim.merged})


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
    return f"the left side is {witness.left}{place}, the right side {witness.right}"


def _plain(value: Any) -> Any:
    """Whole numbers as numbers, other rationals as text."""
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else str(value)
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return value
