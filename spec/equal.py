"""Deciding a claim: equal with a certificate, different with a witness, assumed, or unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from itertools import permutations

from backproof.spec.claims import Claim
from backproof.spec.compose import on_axes
from backproof.spec.derive import Derivation
from backproof.spec.expand import expand
from backproof.spec.normal import (
    Atom,
    Poly,
    TooLargeError,
    as_term,
    cleared,
    denominators,
    normalise,
    with_marginals,
    with_values,
)
from backproof.spec.piecewise import vanishing
from backproof.spec.printers.index import index_form
from backproof.spec.program import Assumption
from backproof.spec.signs import Signs, needed, stated
from backproof.spec.terms import (
    ONE,
    Apply,
    Entry,
    Term,
    Where,
    entry,
    tensors_in,
    total,
    walk,
)
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
    if claim.left is None or claim.right is None:
        return Answer(Kind.DIFFERENT, claim.trouble)
    found, tried = _settled(claim, seconds)
    if claim.merged:
        return _at_equal_sizes(claim, found)
    if found is not None:
        return found
    return Answer(
        Kind.UNKNOWN,
        "no proof and no counterexample was found (" + "; ".join(tried) + ")",
    )


def _at_equal_sizes(claim: Claim, found: Answer | None) -> Answer:
    """The sides of such a claim have one shape only where some sizes are equal."""
    pairs = " and ".join(f"size({a}) = size({b})" for a, b in claim.merged)
    if found is not None and found.kind is not Kind.DIFFERENT:
        assumption = "; ".join(x for x in (pairs, found.assumption) if x)
        return Answer(
            Kind.ASSUMES, f"{found.reason}, but only there: {claim.trouble}", assumption=assumption
        )
    reason = claim.trouble
    witness = found.witness if found is not None else None
    if witness is None:
        reason += f"; where {pairs}, no difference of values was found"
    return Answer(Kind.DIFFERENT, reason, witness=witness)


# ---------------------------------------------------------------- proofs


def _settled(claim: Claim, seconds: float) -> tuple[Answer | None, list[str]]:
    """The first proof, those without an assumption first, or a witness, and what was tried.

    A witness is looked for before the sides are written out down to the inputs: it is decisive,
    and what it refutes can be long. This first look is short, since most that differs does so in
    the first cases, and it obeys what might be assumed later on.
    """
    tried: list[str] = []
    assuming: list[Answer] = []
    looked_first = False
    for how, elementary, left, right in _stages(claim, tried):
        if how.startswith(INPUTS) and not looked_first and not assuming:
            looked_first = True
            witness = find_witness(_narrowed(claim), seconds, FIRST_TRIALS)
            if witness is not None:
                reason = claim.trouble or "the two sides differ"
                return Answer(Kind.DIFFERENT, reason, witness=witness), tried
        if left is right:
            return Answer(Kind.EQUAL, f"the same {how}", certificate=index_form(left)), tried
        try:
            signs = needed(left, right)
            first = normalise(left, elementary=elementary, signs=signs)
            second = normalise(right, elementary=elementary, signs=signs)
            answer = (
                _compare(how, first, second)
                or _in_pieces(how, left, right, signs)
                or _with_signs(claim, how, left, right, signs)
                or _assumed(claim, how, first - second)
            )
        except (TooLargeError, ZeroDivisionError, ValueError) as error:
            tried.append(f"{how}: {error}")
            continue
        if answer is None:
            tried.append(f"{how}: the normal forms differ")
        elif answer.kind is Kind.EQUAL:
            return answer, tried
        else:
            assuming.append(answer)
    if assuming:
        return assuming[0], tried
    witness = find_witness(claim, seconds)
    if witness is not None:
        reason = claim.trouble or "the two sides differ"
        return Answer(Kind.DIFFERENT, reason, witness=witness), tried
    return None, tried


FIRST_TRIALS = 60
INTERMEDIATES, INPUTS = "in terms of the intermediates", "in terms of the inputs"


def _stages(claim: Claim, tried: list[str]) -> Iterator[tuple[str, bool, Term, Term]]:
    """The two sides, the less is replaced by what defines it the sooner."""
    assert claim.left is not None
    assert claim.right is not None
    derivation = claim.derivation
    kept = set(derivation.program.defined) | {g.name for g in derivation.gradients.values()}
    # A name that stands alone on one side is what the claim is about: it is replaced first.
    alone = {side.tensor for side in (claim.left, claim.right) if isinstance(side, Entry)}
    one_axis = {right: left for left, right in claim.merged}
    for how, keep in (
        (INTERMEDIATES, kept - alone),
        (INPUTS, set[str]()),
    ):
        try:
            sides = [
                on_axes(expand(derivation, side, keep=keep), one_axis)
                for side in (claim.left, claim.right)
            ]
        except TooLargeError as error:
            tried.append(f"{how}: {error}")
            continue
        yield how, False, sides[0], sides[1]
        if any(
            isinstance(node, Apply) and node.function in _ELEMENTARY
            for side in sides
            for node in walk(side)
        ):
            yield f"{how}, through exp and log", True, sides[0], sides[1]


_ELEMENTARY = ("exp", "log", "sigmoid", "tanh", "softplus", "silu")


def _compare(how: str, first: Poly, second: Poly) -> Answer | None:
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


def _with_signs(claim: Claim, how: str, left: Term, right: Term, signs: Signs) -> Answer | None:
    """Whether the sides are equal where the signs are as the program assumes."""
    assumed = [a for a in claim.derivation.program.assumptions if not a.is_equation]
    known = signs.joined(stated(assumed))
    if known == signs:
        return None
    first, second = (normalise(side, signs=known) for side in (left, right))
    found = _compare(how, first, second) or _in_pieces(how, left, right, known)
    if found is None:
        return None
    shown = ", ".join(filter(None, [*(a.text for a in assumed), found.assumption]))
    return Answer(Kind.ASSUMES, f"equal {how} where {shown}", assumption=shown)


def _in_pieces(how: str, left: Term, right: Term, signs: Signs) -> Answer | None:
    """Whether the sides are equal on each of the pieces that steps, signs and the like make."""
    if not any(_jumps(node) for side in (left, right) for node in walk(side)):
        return None
    try:
        first, second = (
            normalise(side, elementary=True, in_steps=True, signs=signs) for side in (left, right)
        )
        found = vanishing(first - second)
    except ZeroDivisionError:
        # On some piece a denominator is zero.
        return None
    if first == second:
        return Answer(Kind.EQUAL, f"equal {how}, piece by piece", certificate=first.key)
    if found is None:
        return None
    both = denominators(first) & denominators(second)
    excluded = [*found.apart_from, *(p for p in found.denominators if p not in both)]
    shown = _zeros(excluded)
    if not shown:
        return Answer(Kind.EQUAL, f"equal {how}, piece by piece", certificate=first.key)
    words = ", ".join(f"{text} is not zero" for text in shown)
    return Answer(Kind.ASSUMES, f"equal {how} where {words}", assumption=words)


def _zeros(polys: Iterable[Poly]) -> tuple[str, ...]:
    """Polynomials in words, one of each pair of opposites: they are zero at the same points."""
    texts: dict[str, str] = {}
    for poly in polys:
        opposite = poly.scaled(Fraction(-1))
        if opposite.key not in texts:
            texts[poly.key] = min(
                (index_form(as_term(p)) for p in (poly, opposite)), key=lambda t: (t[0] == "-", t)
            )
    return tuple(texts.values())


def _jumps(node: Term) -> bool:
    if isinstance(node, Apply):
        return node.function in _OF_PIECES
    return isinstance(node, Where)


_OF_PIECES = ("abs", "sign", "step", "relu", "leaky_relu", "elu")


# ---------------------------------------------------------------- assumptions


def _assumed(claim: Claim, how: str, difference: Poly) -> Answer | None:
    """Whether the difference is zero under what is assumed of the inputs.

    That is what the program states, and else that the targets of a loss sum to one.
    """
    given = tuple(a for a in claim.derivation.program.assumptions if a.is_equation)
    assumed = [(", ".join(a.text for a in given), _with_stated(given, difference))]
    assumed += _with_distributions(claim.derivation, difference)
    for shown, changed in assumed:
        # What is assumed has a value, and so no denominator in it is zero.
        if cleared(changed)[0].is_zero:
            return Answer(Kind.ASSUMES, f"equal {how} where {shown}", assumption=shown)
    return None


def _with_stated(assumptions: tuple[Assumption, ...], difference: Poly) -> Poly:
    """The difference with what the assumptions say put in place of what they say it of."""
    for assumption in assumptions:
        if not assumption.is_equation:
            continue
        solved = _solved(normalise(assumption.left) - normalise(assumption.right))
        if solved is None:
            continue
        pattern, value = solved
        values: dict[Atom, Poly] = {}
        for atom in {a for m in difference.terms for a, _ in m if a.kind == pattern.kind}:
            free = sorted(pattern.free)
            for indices in permutations(sorted(atom.free), len(free)):
                change = dict(zip(free, indices, strict=True))
                one_axis = all(a.axis == b.axis for a, b in change.items())
                if one_axis and pattern.renamed(change) == atom:
                    values[atom] = value.renamed(change)
        difference = with_values(difference, values)
        if pattern.kind == "sum" and not value.free:
            difference = with_marginals(difference, pattern, value)
    return difference


def _solved(zero: Poly) -> tuple[Atom, Poly] | None:
    """An equation solved for an atom that stands alone in one of its terms."""
    order = ("sum", "entry", "apply")
    alone = [
        (order.index(m[0][0].kind), m[0][0])
        for m in zero.terms
        if len(m) == 1 and m[0][1] == 1 and m[0][0].kind in order
    ]
    for _, atom in sorted(alone):
        monomial = ((atom, Fraction(1)),)
        coefficient = zero.terms[monomial]
        rest = Poly({m: c for m, c in zero.terms.items() if m != monomial})
        if rest.free <= atom.free and not any(a == atom for m in rest.terms for a, _ in m):
            return atom, rest.scaled(-1 / coefficient)
    return None


def _with_distributions(derivation: Derivation, difference: Poly) -> list[tuple[str, Poly]]:
    """The difference where the targets of a loss sum to one along the outputs."""
    found: list[tuple[str, Poly]] = []
    for term in _distributions(derivation):
        ((monomial, _),) = normalise(term).terms.items()
        ((pattern, _),) = monomial
        changed = with_marginals(difference, pattern, Poly({(): Fraction(1)}))
        found.append((f"{index_form(term)} = 1", changed))
    return found


def _distributions(derivation: Derivation) -> list[Term]:
    """The sums along the outputs of targets: of inputs in which the loss is linear."""
    program = derivation.program
    found: list[Term] = []
    for name in program.inputs if program.loss is not None else ():
        gradient = derivation.gradients.get(name)
        if gradient is None or _depends(derivation, gradient.value, name):
            continue
        indices = program.tensors[name].indices
        along = [i for i in indices if program.axes[i.axis].role == "outputs"]
        if len(along) == 1 and len(set(indices)) == len(indices):
            found.append(total(along, entry(name, indices)))
    return found


def _depends(derivation: Derivation, term: Term, name: str) -> bool:
    pending, seen = [term], set[str]()
    while pending:
        for tensor in tensors_in(pending.pop()) - seen:
            seen.add(tensor)
            definition = derivation.definition(tensor)
            pending += [] if definition is None else [definition[1]]
    return name in seen


def _narrowed(claim: Claim) -> Claim:
    """The claim where the targets of the loss, if there are any, sum to one."""
    sums = _distributions(claim.derivation)
    if not sums:
        return claim
    program = claim.derivation.program
    assumptions = (*program.assumptions, *(Assumption(s, ONE, "") for s in sums))
    program = replace(program, assumptions=assumptions)
    return replace(claim, derivation=replace(claim.derivation, program=program))
