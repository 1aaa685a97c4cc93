"""Deciding a claim: equal with a certificate, different with a witness, assumed, or unknown."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from backproof.spec.assumptions.assuming import (
    Condition,
    difference_under,
    meant,
    stated_together,
    target_sums,
)
from backproof.spec.assumptions.contradiction import check_consistent
from backproof.spec.claims.reading import Claim
from backproof.spec.deadline import OutOfTimeError, check_time, time_left, time_limit
from backproof.spec.deciding.stages import INPUTS, NO_FORM, Stage, stages
from backproof.spec.deriving.expand import expand
from backproof.spec.functions import parted_at
from backproof.spec.naming import letters_of, name_bound
from backproof.spec.normal_form.as_term import as_term
from backproof.spec.normal_form.budget import TooLargeError
from backproof.spec.normal_form.denominators import cleared, denominators
from backproof.spec.normal_form.factors import factors_of
from backproof.spec.normal_form.labelling import renamed
from backproof.spec.normal_form.normal import is_above, normalise
from backproof.spec.normal_form.piecewise import vanishing
from backproof.spec.normal_form.polynomial import Poly, monomial_key
from backproof.spec.normal_form.signs import Signs, is_positive
from backproof.spec.printers.index import index_form
from backproof.spec.program import Assumption
from backproof.spec.terms import (
    ZERO,
    Apply,
    Index,
    Power,
    Term,
    fresh,
    substitute,
    tensors_in,
    walk,
)
from backproof.spec.witnesses.exception import find_exception
from backproof.spec.witnesses.witness import Witness, find_witness, search, search_at_kinks


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
        certificate: the normal form that both sides share, for ``equal``: its first terms where it
            is long.
        witness: for ``different``; None where the two sides do not even have one shape.
        assumption: for ``equal under an assumption``, in notation.
        words: the assumption in words.
        without: a case in which the assumption fails and the two sides differ, or only one of them
            has a value: the assumption is needed. None where no such case was found.
        notes: more sentences, such as how a name was read.
    """

    kind: Kind
    reason: str
    certificate: str = ""
    witness: Witness | None = None
    assumption: str = ""
    words: str = ""
    without: Witness | None = None
    notes: tuple[str, ...] = ()


_NO_TIME = "no time was left"


def decide(claim: Claim, seconds: float = 5.0, budget: float = math.inf) -> Answer:
    """Decide a claim.

    Args:
        claim: what is claimed.
        seconds: how long to look for a witness.
        budget: how many seconds to take for everything; after these the answer is ``unknown``.

    Raises:
        SpecError: the assumptions of the program contradict each other.
    """
    with time_limit(budget):
        try:
            check_consistent(claim.derivation.program)
            found = _by_readings(claim, seconds)
        except OutOfTimeError:
            found = Answer(Kind.UNKNOWN, f"no proof and no counterexample was found ({_NO_TIME})")
    return replace(found, notes=claim.notes + found.notes) if claim.notes else found


def _by_readings(claim: Claim, seconds: float) -> Answer:
    """The answer that all readings of a claim have in common; unknown where they have none."""
    answers = [_decided(reading, seconds) for reading in (claim, *claim.others)]
    if len({a.kind for a in answers}) == 1:
        return answers[0]
    found = "; ".join(
        f"{a.kind}, {reading.reading}"
        for reading, a in zip((claim, *claim.others), answers, strict=True)
    )
    reason = f"it can be read in two ways, with different answers: {found}"
    return Answer(Kind.UNKNOWN, f"{reason}; index notation says which one is meant")


def _decided(claim: Claim, seconds: float) -> Answer:
    if claim.left is None or claim.right is None:
        return Answer(Kind.DIFFERENT, claim.trouble)
    empty = _without_value(claim, claim.parts)
    if empty:
        return Answer(Kind.UNKNOWN, empty)
    found, tried = _settled(claim, seconds)
    if found is not None and found.kind in (Kind.EQUAL, Kind.ASSUMES):
        empty = _without_value(claim, _reciprocals(claim.left, claim.right))
        if empty:
            return Answer(Kind.UNKNOWN, empty)
    if claim.merged:
        return _at_equal_sizes(claim, found)
    if found is not None:
        return found
    return Answer(
        Kind.UNKNOWN,
        "no proof and no counterexample was found (" + "; ".join(tried) + ")",
    )


def _without_value(claim: Claim, parts: Iterable[Term]) -> str:
    """A sentence on a part of a claim that has no value anywhere; empty where all have some."""
    try:
        with time_limit(EMPTY_SECONDS):
            for part in parts:
                if _divides_by_zero(claim, part):
                    shown = index_form(_with_letters(claim, part))
                    return f"it has no value at any point: {shown} divides by zero"
    except OutOfTimeError:
        pass
    return ""


# So long is looked whether a denominator is zero everywhere.
EMPTY_SECONDS = 0.5


def _divides_by_zero(claim: Claim, part: Term) -> bool:
    try:
        normalise(expand(claim.derivation, part))
    except ZeroDivisionError:
        return True
    except (TooLargeError, ValueError):
        pass
    return False


def _reciprocals(*sides: Term) -> list[Term]:
    return [
        node
        for side in sides
        for node in walk(side)
        if isinstance(node, Power) and node.exponent < 0 and tensors_in(node)
    ]


def _with_letters(claim: Claim, term: Term) -> Term:
    """A term under the letters of its axes; the claim's own indices keep theirs."""
    program = claim.derivation.program
    change: dict[Index, Index] = {}
    for index in sorted(term.free - set(claim.indices)):
        letter = letters_of(program, index)[0]
        change[index] = fresh(Index(letter, index.axis), [*claim.indices, *change.values()])
    return name_bound(program, substitute(term, change), [*claim.indices, *change.values()])


def _at_equal_sizes(claim: Claim, found: Answer | None) -> Answer:
    """The sides of such a claim have one shape only where some sizes are equal."""
    pairs = " and ".join(f"size({a}) = size({b})" for a, b in claim.merged)
    if found is not None and found.kind not in (Kind.DIFFERENT, Kind.UNKNOWN):
        assumption = "; ".join(x for x in (pairs, found.assumption) if x)
        words = " and ".join(x for x in (pairs, found.words) if x)
        reason = f"{found.reason}, but only there: {claim.trouble}"
        return Answer(Kind.ASSUMES, reason, assumption=assumption, words=words)
    reason = claim.trouble
    witness = found.witness if found is not None else None
    if witness is None:
        reason += f"; where {pairs}, no difference of values was found"
    notes = found.notes if found is not None else ()
    return Answer(Kind.DIFFERENT, reason, witness=witness, notes=notes)


# ---------------------------------------------------------------- proofs


def _settled(claim: Claim, seconds: float) -> tuple[Answer | None, list[str]]:
    """The first proof, those without an assumption first, or a witness, and what was tried.

    A witness is looked for before the sides are written out down to the inputs: it is decisive,
    and what it refutes can be long. This first look is short, since most that differs does so in
    the first cases, and it obeys what might be assumed later on.
    """
    tried: list[str] = []
    assuming: list[Answer] = []
    try:
        found = _by_stages(claim, seconds, tried, assuming)
    except OutOfTimeError:
        found = None
        tried.append(_NO_TIME)
    if found is not None or assuming:
        return found or assuming[0], tried
    seen = search(claim, seconds)
    if seen.witness is not None:
        return _different(claim, seen.witness), tried
    tried.append(seen.shown)
    at_kinks = search_at_kinks(claim, min(seconds, KINK_SECONDS))
    if at_kinks.witness is not None:
        answer = _different(claim, at_kinks.witness)
        return replace(answer, reason=f"{answer.reason} where something jumps"), tried
    return None, tried


FIRST_TRIALS = 60
# So long is looked among points at which something jumps.
KINK_SECONDS = 1.0


def _by_stages(
    claim: Claim, seconds: float, tried: list[str], assuming: list[Answer]
) -> Answer | None:
    """A proof without an assumption, or a witness of the first look; proofs with one are added.

    Raises:
        OutOfTimeError: the limit of time is over.
    """
    looked_first = False
    for stage in stages(claim, tried):
        if stage.how.startswith(INPUTS) and not looked_first and not assuming:
            looked_first = True
            witness = find_witness(_narrowed(claim), seconds, FIRST_TRIALS)
            if witness is not None:
                return _different(claim, witness)
        if stage.left is stage.right and stage.is_exact:
            certificate = index_form(_with_letters(claim, stage.left))
            return Answer(Kind.EQUAL, f"the same {stage.how}", certificate=certificate)
        try:
            with time_limit(time_left() / 3):
                answer = _proved(claim, stage)
        except NO_FORM as error:
            tried.append(f"{stage.how}: {error}")
            continue
        except OutOfTimeError:
            tried.append(f"{stage.how}: {_NO_TIME}")
            continue
        if answer is None:
            tried.append(f"{stage.how}: the normal forms differ")
        elif answer.kind is Kind.EQUAL:
            return answer
        else:
            assuming.append(answer)
    return None


def _proved(claim: Claim, stage: Stage) -> Answer | None:
    """The sides equal outright, on all pieces, or under what is meant; None where they are not."""
    first, second = (
        normalise(side, elementary=stage.elementary, signs=stage.signs)
        for side in (stage.left, stage.right)
    )
    found = _compare(stage.how, first, second) or _in_pieces(stage, stage.signs)
    if found is not None:
        ties = (normalise(tie, signs=stage.signs) for tie in stage.ties)
        found = replace(found, apart_from=(*found.apart_from, *ties, *_cancelled(claim, stage)))
    if found is not None and not _are_zero(claim, stage, found.apart_from):
        return _apart_from_zeros(claim, found, _single(claim, stage))
    return _assumed(claim, stage)


@dataclass(frozen=True)
class _Found:
    """A proof, the normal form of the left side, and what may not be zero for it to hold."""

    how: str
    form: Poly
    apart_from: tuple[Poly, ...] = ()


def _compare(how: str, first: Poly, second: Poly) -> _Found | None:
    if first == second:
        return _Found(f"equal {how}", first)
    difference, assumed = cleared(first - second)
    if not difference.is_zero:
        return None
    apart = _not_in_both(assumed, first, second)
    return _Found(f"equal {how}" + ("" if apart else ", denominators cleared"), first, apart)


def _cancelled(claim: Claim, stage: Stage) -> tuple[Poly, ...]:
    """What only one side divides by, and the program nowhere: y/y is 1 where y is not zero."""
    positive: set[str] = set()
    left, right = (_divided_by([side], stage.signs, positive) for side in (stage.left, stage.right))
    extra = {key: p for key, p in (left | right).items() if not (key in left and key in right)}
    if not extra.keys() - positive:
        return ()
    derivation = claim.derivation
    stated = [expand(derivation, s.value, keep=stage.keep) for s in derivation.program.statements]
    stated += [s.value for s in derivation.program.statements]
    own = _divided_by(stated, stage.signs, positive)
    return tuple(poly for key, poly in extra.items() if key not in own and key not in positive)


def _divided_by(terms: Iterable[Term], signs: Signs, positive: set[str]) -> dict[str, Poly]:
    """The factors of the denominators of terms that are not known to be above zero.

    Those of denominators that are plainly above zero as they are written go into ``positive``:
    multiplied out, 1 + (x + 1)^2 no longer shows it.
    """
    found: dict[str, Poly] = {}
    for term in terms:
        for node in walk(term):
            if not isinstance(node, Power) or node.exponent > 0 or not node.base.tensors:
                continue
            for factor in factors_of(normalise(_inside(node.base), signs=signs)):
                opposite = factor.scaled(Fraction(-1))
                if factor.positive or opposite.positive:
                    continue
                if not (is_above(factor, signs) or is_above(opposite, signs)):
                    # Whatever its indices are called, the whole tensor is divided by.
                    blank = {i: Index(f"?{i.axis}", i.axis) for i in factor.free}
                    key = renamed(factor, blank).key
                    found[key] = factor
                    if is_positive(node.base):
                        positive.add(key)
    return found


def _inside(base: Term) -> Term:
    """An absolute value is zero where its argument is."""
    return base.argument if isinstance(base, Apply) and base.function == "abs" else base


def _not_in_both(polys: Iterable[Poly], first: Poly, second: Poly) -> tuple[Poly, ...]:
    """Those of the denominators that only one side has: elsewhere neither has a value."""
    both = _with_opposites(denominators(first)) & _with_opposites(denominators(second))
    return tuple(p for p in polys if p not in both)


def _with_opposites(polys: Iterable[Poly]) -> set[Poly]:
    return {q for p in polys for q in (p, p.scaled(Fraction(-1)))}


def _in_pieces(stage: Stage, signs: Signs) -> _Found | None:
    """Whether the sides are equal on each of the pieces that steps, signs and the like make."""
    nodes = [node for side in (stage.left, stage.right) for node in walk(side)]
    if all(parted_at(node) is None for node in nodes):
        return None
    try:
        first, second = (
            normalise(side, elementary=True, in_steps=True, signs=signs)
            for side in (stage.left, stage.right)
        )
        found = vanishing(first - second)
    except ZeroDivisionError:
        # On some piece a denominator is zero.
        return None
    how = f"equal {stage.how}, piece by piece"
    if first == second:
        return _Found(how, first)
    if found is None:
        return None
    return _Found(how, first, (*found.apart_from, *_not_in_both(found.denominators, first, second)))


def _are_zero(claim: Claim, stage: Stage, terms: Iterable[Poly]) -> bool:
    """Whether what may not be zero is, by its definition or by what the program assumes.

    Or where its indices along one axis have one value, as x[i] - x[j] is there.
    """
    stated = stated_together(claim.derivation, stage.keep)
    for term in map(as_term, terms):
        written = expand(claim.derivation, term)
        if normalise(written).is_zero or normalise(_on_diagonal(written)).is_zero:
            return True
        if stated is not None and difference_under(stated, term, ZERO).is_zero:
            return True
    return False


def _on_diagonal(term: Term) -> Term:
    """A term where all of its indices along one axis have one value."""
    first: dict[str, Index] = {}
    return substitute(term, {i: first.setdefault(i.axis, i) for i in sorted(term.free)})


def _single(claim: Claim, stage: Stage) -> list[str]:
    """That the largest values that a stage takes are each at one place."""
    shown = (index_form(_with_letters(claim, term)) for term in stage.largest)
    return [f"{text} is at one place alone" for text in shown]


def _apart_from_zeros(claim: Claim, found: _Found, single: list[str]) -> Answer:
    """Equal; where something may not be zero for that, or is largest, under this assumption."""
    zeros = _zeros(claim, found.apart_from)
    if not zeros and not single:
        return Answer(Kind.EQUAL, found.how, certificate=_shown_form(claim, found.form))
    words = ", ".join([*(f"{text} is not zero" for text in zeros), *single])
    cases = (find_exception(claim, term, EXCEPTION_SECONDS) for term in zeros.values())
    without = next((case for case in cases if case is not None), None)
    how = found.how.removesuffix(", piece by piece")
    reason = f"{how} where {words}"
    return Answer(Kind.ASSUMES, reason, assumption=words, words=words, without=without)


EXCEPTION_SECONDS = 0.5
# So many terms of a normal form are shown.
MOST_SHOWN = 12


def _shown_form(claim: Claim, form: Poly) -> str:
    """The first terms of a normal form, in index notation."""
    monomials = sorted(form.terms, key=monomial_key)
    some = Poly({m: form.terms[m] for m in monomials[:MOST_SHOWN]})
    text = index_form(_with_letters(claim, as_term(some)))
    more = len(monomials) - MOST_SHOWN
    return f"{text} + {more} more terms" if more > 0 else text


def _zeros(claim: Claim, polys: Iterable[Poly]) -> dict[str, Term]:
    """Polynomials as they are shown, one of each pair of opposites, which have the same zeros."""
    found: dict[str, Term] = {}
    seen: set[Poly] = set()
    for poly in polys:
        opposite = poly.scaled(Fraction(-1))
        if opposite in seen:
            continue
        seen.add(poly)
        shown = {}
        for p in (poly, opposite):
            term = _with_letters(claim, as_term(p))
            shown[index_form(term)] = term
        text = min(shown, key=lambda t: (t[0] == "-", t))
        found[text] = shown[text]
    return found


# ---------------------------------------------------------------- assumptions


def _assumed(claim: Claim, stage: Stage) -> Answer | None:
    """Whether the sides are equal under what is meant, the weakest such condition first."""
    for condition in meant(claim.derivation, stage.keep):
        check_time()
        try:
            extra = _under(condition, stage)
        except NO_FORM:
            continue
        if extra is None:
            continue
        extra += tuple(normalise(tie, signs=stage.signs) for tie in stage.ties)
        zeros = [f"{text} is not zero" for text in _zeros(claim, extra)]
        zeros += _single(claim, stage)
        shown = ", ".join([condition.notation, *zeros])
        return Answer(
            Kind.ASSUMES,
            f"equal {stage.how} where {shown}",
            assumption=shown,
            words=" and ".join([condition.words, *zeros]),
            without=find_witness(_dropped(claim, condition), WITHOUT_SECONDS),
        )
    return None


WITHOUT_SECONDS = 1.0


def _under(condition: Condition, stage: Stage) -> tuple[Poly, ...] | None:
    """What else may not be zero for the sides to be equal; None where they are not shown to be."""
    if difference_under(
        condition, stage.left, stage.right, stage.signs, elementary=stage.elementary
    ).is_zero:
        return ()
    known = stage.signs.joined(condition.signs)
    if known == stage.signs:
        return None
    left, right = map(condition.rewritten, (stage.left, stage.right))
    first, second = (normalise(side, signs=known) for side in (left, right))
    changed = replace(stage, left=left, right=right)
    found = _compare(stage.how, first, second) or _in_pieces(changed, known)
    return None if found is None else found.apart_from


def _dropped(claim: Claim, condition: Condition) -> Claim:
    """The claim without a condition that its program states."""
    program = claim.derivation.program
    rest = tuple(a for a in program.assumptions if a not in condition.assumptions)
    return _with_assumptions(claim, rest)


def _with_assumptions(claim: Claim, assumptions: tuple[Assumption, ...]) -> Claim:
    program = replace(claim.derivation.program, assumptions=assumptions)
    return replace(claim, derivation=replace(claim.derivation, program=program))


def _different(claim: Claim, witness: Witness) -> Answer:
    return Answer(Kind.DIFFERENT, claim.trouble or "the two sides differ", witness=witness)


def _narrowed(claim: Claim) -> Claim:
    """The claim where the targets of the loss, if there are any, sum to one."""
    assumed = [a for c in target_sums(claim.derivation) for a in c.assumptions]
    if not assumed:
        return claim
    return _with_assumptions(claim, (*claim.derivation.program.assumptions, *assumed))
