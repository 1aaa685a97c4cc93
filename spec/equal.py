"""Deciding a claim: equal with a certificate, different with a witness, assumed, or unknown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backproof.spec.claims import Claim
from backproof.spec.expand import expand
from backproof.spec.normal import TooLargeError, as_term, cleared, denominators, normalise
from backproof.spec.printers.index import index_form
from backproof.spec.terms import Entry, Term
from backproof.spec.witness import Witness, find_witness


class Kind(StrEnum):
    """The four answers."""

    EQUAL = "equal"
    DIFFERENT = "different"
    ASSUMES = "equal under an assumption"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    """What became of a claim.

    Attributes:
        kind: which of the four answers.
        reason: one sentence.
        certificate: the normal form that both sides share, for ``equal``.
        witness: for ``different``; None where the two sides do not even have one shape.
        assumption: for ``equal under an assumption``.
    """

    kind: Kind
    reason: str
    certificate: str = ""
    witness: Witness | None = None
    assumption: str = ""


def decide(claim: Claim, seconds: float = 5.0) -> Answer:
    """Decide a claim.

    Args:
        claim: what is claimed.
        seconds: how long to look for a witness.
    """
    if claim.trouble:
        return _ill_shaped(claim, seconds)
    assert claim.left is not None
    assert claim.right is not None
    tried: list[str] = []
    for how, left, right in _stages(claim):
        try:
            answer = _compare(how, left, right)
        except TooLargeError as error:
            tried.append(f"{how}: {error}")
            continue
        except (ZeroDivisionError, ValueError) as error:
            tried.append(f"{how}: {error}")
            continue
        if answer is not None:
            return answer
        tried.append(f"{how}: the normal forms differ")
    witness = find_witness(claim, seconds)
    if witness is not None:
        return Answer(Kind.DIFFERENT, "the two sides differ", witness=witness)
    return Answer(
        Kind.UNKNOWN,
        "no proof and no counterexample was found (" + "; ".join(tried) + ")",
    )


def _stages(claim: Claim) -> list[tuple[str, Term, Term]]:
    assert claim.left is not None
    assert claim.right is not None
    kept = set(claim.derivation.program.defined) | {
        g.name for g in claim.derivation.gradients.values()
    }
    derivation = claim.derivation
    outer = _outermost(claim, kept)
    return [
        (
            "in terms of the intermediates",
            expand(derivation, claim.left, keep=kept - outer),
            expand(derivation, claim.right, keep=kept - outer),
        ),
        (
            "in terms of the inputs",
            expand(derivation, claim.left),
            expand(derivation, claim.right),
        ),
    ]


def _outermost(claim: Claim, kept: set[str]) -> set[str]:
    """A name that stands alone on one side is what the claim is about: it is replaced first."""
    alone = {side.tensor for side in (claim.left, claim.right) if isinstance(side, Entry)}
    return alone & kept


def _compare(how: str, left: Term, right: Term) -> Answer | None:
    first, second = normalise(left), normalise(right)
    if first == second:
        return Answer(Kind.EQUAL, f"equal {how}", certificate=first.key)
    difference, assumed = cleared(first - second)
    if not difference.is_zero:
        return None
    # Where a denominator of both sides vanishes, neither has a value.
    both = denominators(first) & denominators(second)
    assumed = tuple(p for p in assumed if p not in both)
    if not assumed:
        return Answer(Kind.EQUAL, f"equal {how}, denominators cleared", certificate=first.key)
    shown = ", ".join(f"{index_form(as_term(p))} is not zero" for p in dict.fromkeys(assumed))
    return Answer(Kind.ASSUMES, f"equal {how} where {shown}", assumption=shown)


def _ill_shaped(claim: Claim, seconds: float) -> Answer:
    witness = find_witness(claim, seconds) if claim.left is not None else None
    reason = claim.trouble
    if claim.merged and witness is None and claim.left is not None:
        pairs = " and ".join(f"{a} = {b}" for a, b in claim.merged)
        reason += f"; where {pairs}, no difference of values was found"
    return Answer(Kind.DIFFERENT, reason, witness=witness)
