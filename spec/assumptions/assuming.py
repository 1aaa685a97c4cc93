"""What a claim may take for granted: what its program states, and what is meant without saying so.

A claim that needs such a condition holds, and the condition is named. Anything else that makes a
wrong claim come out right excuses nothing: see ``special_cases``. Conditions are tried from the
one that restricts least: each that is stated by itself, then that the targets of a loss sum to
one, then several that are stated at once, the fewer the sooner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, permutations

from backproof.spec.assumptions.contradiction import is_consistent
from backproof.spec.assumptions.rewriting import (
    Rewriting,
    at_one,
    replacing,
    symmetric,
    with_entries,
    with_function,
)
from backproof.spec.deriving.derive import Derivation
from backproof.spec.deriving.expand import expand
from backproof.spec.functions import is_abstract
from backproof.spec.naming import name_bound
from backproof.spec.normal_form.denominators import cleared
from backproof.spec.normal_form.labelling import renamed, renamed_atom
from backproof.spec.normal_form.normal import normalise
from backproof.spec.normal_form.polynomial import Atom, Poly
from backproof.spec.normal_form.replacing import with_marginals, with_values
from backproof.spec.normal_form.signs import NOTHING, Signs, stated
from backproof.spec.printers.index import index_form
from backproof.spec.program import Assumption, Program
from backproof.spec.terms import (
    ONE,
    Apply,
    Binder,
    Entry,
    Number,
    Size,
    Sum,
    Term,
    entry,
    tensors_in,
    total,
    walk,
)

# Several stated conditions at once: so many are tried in every combination, else all together.
MOST_COMBINED = 4


@dataclass(frozen=True)
class Condition:
    """What is assumed.

    Attributes:
        notation: as a program would state it.
        words: in words, to follow "where".
        assumptions: the same, for points to be held against; empty where no equation of entries
            says it.
        rewritings: what may be put in place of terms.
        signs: what is known of the signs of entries.
    """

    notation: str
    words: str
    assumptions: tuple[Assumption, ...] = ()
    rewritings: tuple[Rewriting, ...] = ()
    signs: Signs = NOTHING

    def rewritten(self, term: Term) -> Term:
        """A term with what the condition says put in place of what it says it of."""
        for rewriting in self.rewritings:
            term = rewriting(term)
        return term

    def joined(self, other: Condition) -> Condition:
        """Both conditions."""
        return Condition(
            f"{self.notation}, {other.notation}",
            f"{self.words} and {other.words}",
            self.assumptions + other.assumptions,
            self.rewritings + other.rewritings,
            self.signs.joined(other.signs),
        )


def difference_under(
    condition: Condition,
    left: Term,
    right: Term,
    signs: Signs = NOTHING,
    *,
    elementary: bool = False,
) -> Poly:
    """The difference of two sides, as far as a condition simplifies it; zero where they are equal.

    Raises:
        TooLargeError: a normal form is too large.
        ZeroDivisionError: a denominator is zero under the condition.
    """
    known = signs.joined(condition.signs)
    first, second = (
        normalise(condition.rewritten(side), elementary=elementary, signs=known)
        for side in (left, right)
    )
    difference = first - second
    # What is assumed has a value, and so no denominator in it is zero.
    return cleared(under_equations(condition, difference))[0]


def under_equations(condition: Condition, poly: Poly) -> Poly:
    """A normal form with what the equations of a condition say put in place of what it is of."""
    return _with_stated(tuple(a for a in condition.assumptions if a.is_equation), poly)


# ---------------------------------------------------------------- what is meant


def meant(derivation: Derivation, keep: set[str]) -> Iterator[Condition]:
    """The conditions under which a claim counts as holding, the weaker ones first.

    Args:
        derivation: what is given.
        keep: the names that the two sides were not written out of.
    """
    single = [_declared(derivation, a, keep) for a in derivation.program.assumptions]
    yield from single
    yield from target_sums(derivation)
    most = len(single) if len(single) <= MOST_COMBINED else 0
    for count in range(2, most):
        for some in combinations(single, count):
            yield _all(some)
    if len(single) > 1:
        yield _all(tuple(single))


def stated_together(derivation: Derivation, keep: set[str]) -> Condition | None:
    """Everything that a program assumes; None where it assumes nothing."""
    single = [_declared(derivation, a, keep) for a in derivation.program.assumptions]
    return _all(tuple(single)) if single else None


def target_sums(derivation: Derivation) -> list[Condition]:
    """That targets sum to one, where the program does not assume anything else of them."""
    program = derivation.program
    found = [one_sum(program, term, "the targets") for term in targets(derivation)]
    return [
        condition
        for condition in found
        if is_consistent(
            replace(program, assumptions=(*program.assumptions, *condition.assumptions))
        )
    ]


def _all(conditions: tuple[Condition, ...]) -> Condition:
    result = conditions[0]
    for condition in conditions[1:]:
        result = result.joined(condition)
    return result


def _declared(derivation: Derivation, assumption: Assumption, keep: set[str]) -> Condition:
    sides = [expand(derivation, s, keep=keep) for s in (assumption.left, assumption.right)]
    written = Assumption(sides[0], sides[1], assumption.text, assumption.relation)
    rewriting = _rewriting(written, derivation.program)
    return Condition(
        assumption.text,
        assumption.text,
        (assumption, written) if written != assumption else (assumption,),
        () if rewriting is None else (rewriting,),
        stated([assumption, written]),
    )


def _rewriting(assumption: Assumption, program: Program) -> Rewriting | None:
    """What an equation says of a size, of all entries of a tensor, or of a function."""
    if not assumption.is_equation:
        return None
    for one, other in (
        (assumption.left, assumption.right),
        (assumption.right, assumption.left),
    ):
        if isinstance(one, Size):
            if other is ONE:
                return at_one(one.axis)
            if isinstance(other, (Number, Size)):
                return replacing(one, other)
        if isinstance(one, Entry) and len(set(one.indices)) == len(one.indices):
            if isinstance(other, Entry) and other.tensor == one.tensor:
                return symmetric(one.tensor) if _is_swap(one, other) else None
            if one.tensor not in tensors_in(other) and other.free <= one.free:
                return with_entries(one, other)
        known = function_stated(assumption, program)
        if known is not None:
            return with_function(*known)
    return None


def function_stated(assumption: Assumption, program: Program) -> tuple[str, Entry, Term] | None:
    """The function that ``assume g(z) = ...`` defines, for all z: z stands nowhere else."""
    call, value = assumption.left, assumption.right
    if not (assumption.is_equation and isinstance(call, Apply) and not call.order):
        return None
    if not is_abstract(call.function) or not isinstance(call.argument, Entry):
        return None
    z = call.argument
    elsewhere = {t for s in program.statements for t in tensors_in(s.value)}
    if z.indices or z.tensor in elsewhere or z.tensor in program.defined:
        return None
    if tensors_in(value) - {z.tensor} or any(isinstance(n, (Binder, Apply)) for n in walk(value)):
        return None
    return call.function, z, value


def targets(derivation: Derivation) -> list[Term]:
    """The sums along the outputs of targets: of inputs in which the loss is linear."""
    program = derivation.program
    found: list[Term] = []
    for name in program.inputs if program.loss is not None else ():
        gradient = derivation.gradients.get(name)
        if gradient is None or _depends(derivation, gradient.value, name):
            continue
        indices = program.tensors[name].indices
        if program.samples is not None and program.samples not in {i.axis for i in indices}:
            # A weight or a bias, one for all samples, is no target.
            continue
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


def one_sum(program: Program, term: Term, what: str = "the entries") -> Condition:
    """The condition that a sum of a tensor's entries along an axis is one."""
    assert isinstance(term, Sum)
    (index,) = term.indices
    (tensor,) = tensors_in(term)
    shown = name_bound(program, term, sorted(term.free))
    return Condition(
        f"{index_form(shown)} = 1",
        f"{what} {'' if what == 'the targets' else 'of '}{tensor} sum to one along {index.axis}",
        (Assumption(term, ONE, f"{index_form(shown)} = 1"),),
    )


def _is_swap(one: Entry, other: Entry) -> bool:
    return len(one.indices) == 2 and one.indices == other.indices[::-1]


# ---------------------------------------------------------------- equations in normal forms


def _with_stated(assumptions: tuple[Assumption, ...], difference: Poly) -> Poly:
    """The difference with what the equations say put in place of what they say it of."""
    for assumption in assumptions:
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
                if one_axis and renamed_atom(pattern, change) == atom:
                    values[atom] = renamed(value, change)
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
