"""The mistake of a wrong claim, by name.

First the catalogue of mistakes: the lightest wrong form of the right equation that is what the
claim says. Then what no single rewriting of an equation is: a factor of numbers and sizes between
the two sides, a sum that is left out, an operand that is transposed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations, permutations

from backproof.spec.assumptions.assuming import meant, under_equations
from backproof.spec.claims.reading import Claim
from backproof.spec.deadline import check_time
from backproof.spec.deriving.compose import on_axes
from backproof.spec.deriving.expand import expand
from backproof.spec.mistakes import Mistake, WrongForm, wrong_forms
from backproof.spec.normal_form.as_term import as_term
from backproof.spec.normal_form.budget import TooLargeError
from backproof.spec.normal_form.normal import normalise
from backproof.spec.normal_form.polynomial import Monomial, Poly
from backproof.spec.printers.index import index_form
from backproof.spec.terms import (
    Entry,
    Index,
    Mul,
    Sum,
    Term,
    entry,
    mul,
    rebuild,
    substitute,
    total,
    walk,
)

_NO_FORM = (TooLargeError, ArithmeticError, ValueError)
Writing = Callable[[Term], Term]


def name_mistake(claim: Claim, quantity: str) -> Mistake | None:
    """The mistake that turns the right equation of a quantity into what a claim says.

    Args:
        claim: a wrong claim.
        quantity: the tensor or gradient that it is about.

    Raises:
        OutOfTimeError: the limit of time is over.
    """
    if claim.right is None:
        return Mistake("shape", "", claim.trouble)
    # In terms of the intermediates first: only what no form explains there is written out.
    writings: tuple[Writing, ...] = (
        lambda term: term,
        lambda term: expand(claim.derivation, term),
    )
    for write in writings:
        best = _lightest(claim, quantity, write)
        if best is not None:
            return best.mistake
    found = _missing_sum(claim, quantity) or _transposed(claim, quantity)
    if found is None and not claim.trouble:
        found = _scaled(claim)
    if found is None and claim.trouble:
        return Mistake("shape", "", claim.trouble)
    return found


def _lightest(claim: Claim, quantity: str, write: Writing) -> WrongForm | None:
    """The least far-fetched wrong form whose right side is the claim's."""
    assert claim.right is not None
    best: WrongForm | None = None
    try:
        written = normalise(write(claim.right))
    except _NO_FORM:
        return None
    for form in wrong_forms(claim.derivation, quantity):
        check_time()
        if len(form.indices) != len(claim.indices):
            continue
        if best is not None and form.mistake.weight >= best.mistake.weight:
            continue
        for indices in _orders(claim):
            change = dict(zip(form.indices, indices, strict=True))
            try:
                value = normalise(write(_one_axis(substitute(form.value, change), claim)))
            except _NO_FORM:
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


def _same(left: Term, right: Term) -> bool:
    try:
        first, second = normalise(left), normalise(right)
    except _NO_FORM:
        return False
    return first == second and not first.is_zero


def _right_value(claim: Claim, quantity: str) -> Term | None:
    """What the left side is defined as, under the claim's indices."""
    definition = claim.derivation.definition(quantity)
    if definition is None or not isinstance(claim.left, Entry):
        return None
    target, value = definition
    change = dict(zip(target.indices, claim.left.indices, strict=True))
    axes = {i.axis for i in target.indices} | {i.axis for i in claim.left.indices}
    if claim.merged and axes:
        free = {i: Index(i.name, change[i].axis) for i in target.indices}
        value = _one_axis(value, claim)
        change = {Index(i.name, free[i].axis): change[i] for i in target.indices}
    return substitute(value, change)


# ---------------------------------------------------------------- sums that are left out


def _missing_sum(claim: Claim, quantity: str) -> Mistake | None:
    """The right equation without some of its sums."""
    assert claim.right is not None
    value = _right_value(claim, quantity)
    if value is None or not isinstance(claim.left, Entry):
        return None
    extra = [i for i in claim.indices if i not in claim.left.indices]
    for inner, rest in _sums(value):
        for left_out in combinations(inner.indices, len(extra)) if extra else ():
            kept = tuple(i for i in inner.indices if i not in left_out)
            body = mul(rest, total(kept, inner.body))
            for order in permutations(extra):
                if [i.axis for i in order] != [i.axis for i in left_out]:
                    continue
                if _same(substitute(body, dict(zip(left_out, order, strict=True))), claim.right):
                    shown = " and ".join(i.name for i in left_out)
                    return Mistake("missing-sum", "missing", f"the sum over {shown} is missing")
    return None


def _sums(value: Term) -> Iterator[tuple[Sum, Term]]:
    """Each sum among the factors of a term, with the other factors."""
    factors = value.factors if isinstance(value, Mul) else (value,)
    for k, factor in enumerate(factors):
        if isinstance(factor, Sum):
            yield factor, mul(*factors[:k], *factors[k + 1 :])


# ---------------------------------------------------------------- operands that are transposed


def _transposed(claim: Claim, quantity: str) -> Mistake | None:
    """The right equation with one of its matrices transposed, on the axes that this makes one."""
    assert claim.right is not None
    value = _right_value(claim, quantity)
    if value is None:
        return None
    matrices = {n.tensor for n in walk(value) if isinstance(n, Entry) and len(n.indices) == 2}
    for name in sorted(matrices):
        if _same(_with_transposed(value, name), claim.right):
            words = f"{name} is transposed where it should not be, or the reverse"
            return Mistake("transposed", name, words)
    return None


def _with_transposed(term: Term, tensor: str) -> Term:
    def on(node: Term) -> Term:
        if isinstance(node, Entry) and node.tensor == tensor:
            return entry(tensor, node.indices[::-1])
        return rebuild(node, on)

    return on(term)


# ---------------------------------------------------------------- factors


def _scaled(claim: Claim) -> Mistake | None:
    """A factor between the two sides, of a number and of sizes."""
    assert claim.left is not None
    assert claim.right is not None
    try:
        sides = [normalise(expand(claim.derivation, s)) for s in (claim.left, claim.right)]
        factor = factor_between(*sides)
        for condition in meant(claim.derivation, set()):
            if factor is None:
                factor = factor_between(*(under_equations(condition, side) for side in sides))
    except _NO_FORM:
        return None
    if factor is None:
        return None
    ((sizes, coefficient),) = factor.terms.items()
    if not sizes and coefficient == -1:
        return Mistake("wrong-sign", "negated", "the sign is wrong")
    shown = index_form(as_term(factor))
    words = f"the result is {shown} times the right one"
    if coefficient == 1 and all(exponent > 0 for _, exponent in sizes):
        words += f": the factor {index_form(as_term(_inverse(factor)))} is missing"
    return Mistake("wrong-sign" if coefficient < 0 else "wrong-scale", f"times {shown}", words)


def _inverse(factor: Poly) -> Poly:
    ((sizes, coefficient),) = factor.terms.items()
    return Poly({tuple((atom, -e) for atom, e in sizes): 1 / coefficient})


def factor_between(first: Poly, second: Poly) -> Poly | None:
    """The product of a number and of sizes that makes the second of the first; None for any other.

    None also where it is 1, or where a side is zero.
    """
    groups = [_by_rest(side) for side in (first, second)]
    if not groups[0] or groups[0].keys() != groups[1].keys():
        return None
    rest = next(iter(groups[0]))
    if len(groups[0][rest]) != 1 or len(groups[1][rest]) != 1:
        return None
    (below, a), (above, b) = groups[0][rest][0], groups[1][rest][0]
    factor = _inverse(Poly({below: a})) * Poly({above: b})
    if factor == Poly({(): Fraction(1)}) or first * factor != second:
        return None
    return factor


def _by_rest(poly: Poly) -> dict[Monomial, list[tuple[Monomial, Fraction]]]:
    """The terms by what is left of them without the sizes: the sizes, and the coefficient."""
    found: dict[Monomial, list[tuple[Monomial, Fraction]]] = {}
    for monomial, coefficient in poly.terms.items():
        sizes = tuple((a, e) for a, e in monomial if a.kind == "size")
        rest = tuple((a, e) for a, e in monomial if a.kind != "size")
        found.setdefault(rest, []).append((sizes, coefficient))
    return found
