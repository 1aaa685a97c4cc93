"""Whether a difference that is made of pieces vanishes on each of them.

In a normal form in which nothing jumps but steps, a step is 1 where its argument is above zero,
else 0. For each choice of ones and zeros that some point makes, what is left has to be zero.
Whether a point makes a choice is decided for the monomials as if they were free: linear
inequalities, by Fourier-Motzkin elimination (A. Schrijver, Theory of Linear and Integer
Programming, 1986, section 12.2). A choice that no values of free monomials make, no point makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from backproof.spec.deadline import check_time
from backproof.spec.normal_form.normal import (
    ONE_POLY,
    ZERO_POLY,
    Atom,
    Monomial,
    Poly,
    cleared,
    with_values,
)
from backproof.spec.terms import Index

# Choices double with each step where nothing rules them out, and inequalities nearly square with
# each elimination.
MAX_STEPS = 12
MAX_CHOICES = 300
MAX_ROWS = 400


@dataclass(frozen=True)
class Vanishing:
    """Where a difference is zero.

    Attributes:
        apart_from: polynomials at whose zeros it may not be; the difference is zero elsewhere.
        denominators: polynomials that were multiplied by and may be zero.
    """

    apart_from: tuple[Poly, ...]
    denominators: tuple[Poly, ...]


def vanishing(difference: Poly) -> Vanishing | None:
    """Where a difference in steps is zero; None if it is not zero on some piece.

    Steps may stand in sums: a sum is zero where its summand is, put together from all sums over
    the same axes.
    """
    found: list[Vanishing] = []
    for part in _summands(difference):
        where = _vanishing(part)
        if where is None:
            return None
        found.append(where)
    return Vanishing(
        tuple(p for where in found for p in where.apart_from),
        tuple(p for where in found for p in where.denominators),
    )


def _summands(difference: Poly) -> Iterator[Poly]:
    """What has to be zero: the terms without steps in sums, and the summands of the others."""
    groups: dict[tuple[Monomial, tuple[str, ...]], dict[Monomial, Fraction]] = {}
    for monomial, coefficient in difference.terms.items():
        opened = _opened(monomial)
        rest, axes, inside = ((), (), monomial) if opened is None else opened
        terms = groups.setdefault((rest, axes), {})
        terms[inside] = terms.get(inside, Fraction(0)) + coefficient
    return map(Poly, groups.values())


def _opened(monomial: Monomial) -> tuple[Monomial, tuple[str, ...], Monomial] | None:
    """The factors beside a sum with steps in it, the axes that it runs over, and its summand."""
    sums = [a for a, e in monomial if e == 1 and _has_steps_in_sum(a)]
    if len(sums) != 1:
        return None
    (found,) = sums
    axes = tuple(sorted(index.axis for index in found.indices))
    if len(set(axes)) < len(axes):
        return None
    assert found.inner is not None
    names = {index: Index(f"&{index.axis}", index.axis) for index in found.indices}
    ((summand, _),) = found.inner.renamed(names).terms.items()
    return tuple(pair for pair in monomial if pair[0] != found), axes, summand


def _has_steps_in_sum(atom: Atom) -> bool:
    inside = atom.inner.terms if atom.kind == "sum" and atom.inner is not None else ()
    return any(a.is_plain("step") for m in inside for a, _ in m)


def _vanishing(difference: Poly) -> Vanishing | None:
    if not any(a.is_plain("step") for m in difference.terms for a, _ in m):
        left, assumed = cleared(difference)
        return Vanishing((), assumed) if left.is_zero else None
    steps = sorted({a for m in difference.terms for a, _ in m if a.is_plain("step")})
    if len(steps) > MAX_STEPS:
        return None
    apart: dict[str, Poly] = {}
    below: dict[str, Poly] = {}
    for count, here in enumerate(_choices(steps)):
        if count >= MAX_CHOICES:
            return None
        try:
            chosen = {a: ONE_POLY if v else ZERO_POLY for a, v in here.items()}
            rest, assumed = cleared(with_values(difference, chosen))
        except ZeroDivisionError:
            return None
        below |= {p.key: p for p in assumed}
        if rest.is_zero:
            continue
        if _has_points(here, strictly=True):
            return None
        # Only points at which an argument is zero are left: there it may be zero all the same.
        border = [a.inner for a, v in here.items() if not v and a.inner is not None]
        if not any(_zero_where(rest, argument) for argument in _forced(here, border)):
            apart |= {p.key: p for p in border}
    return Vanishing(tuple(apart.values()), tuple(below.values()))


def _choices(steps: Sequence[Atom]) -> Iterator[dict[Atom, int]]:
    """The choices of ones and zeros that some point may make, those of a few steps first."""
    pending: list[dict[Atom, int]] = [{}]
    while pending:
        here = pending.pop()
        if len(here) == len(steps):
            yield here
            continue
        following = steps[len(here)]
        for value in (0, 1):
            longer = {**here, following: value}
            if _has_points(longer, strictly=False):
                pending.append(longer)


def _forced(here: dict[Atom, int], border: Iterable[Poly]) -> Iterator[Poly]:
    """The arguments that are zero at every point that makes a choice."""
    rows = [_row(a, v, strictly=False) for a, v in here.items()]
    for argument in border:
        below = Row(argument.scaled(Fraction(-1)), strict=True)
        if not feasible([*rows, below]):
            yield argument


def _zero_where(rest: Poly, argument: Poly) -> bool:
    """Whether a polynomial is zero where another one is, seen by solving that for an entry."""
    for monomial, coefficient in argument.terms.items():
        if len(monomial) != 1 or monomial[0][1] != 1 or monomial[0][0].kind != "entry":
            continue
        atom = monomial[0][0]
        others = Poly({m: c for m, c in argument.terms.items() if m != monomial})
        if any(a == atom for m in others.terms for a, _ in m):
            continue
        solved = others.scaled(-1 / coefficient)
        try:
            return cleared(with_values(rest, {atom: solved}))[0].is_zero
        except ZeroDivisionError:
            return False
    return False


# ---------------------------------------------------------------- inequalities


@dataclass(frozen=True)
class Row:
    """A polynomial that is above zero, or not below it."""

    poly: Poly
    strict: bool


def _row(step: Atom, value: int, *, strictly: bool) -> Row:
    assert step.inner is not None
    if value:
        return Row(step.inner, strict=True)
    return Row(step.inner.scaled(Fraction(-1)), strict=strictly)


def _has_points(here: dict[Atom, int], *, strictly: bool) -> bool:
    """Whether values of the monomials make a choice of steps; strictly: no argument being zero."""
    return feasible([_row(a, v, strictly=strictly) for a, v in here.items()])


def feasible(rows: list[Row]) -> bool:
    """Whether values of the monomials satisfy all rows; True where that takes too long to say."""
    monomials: list[Monomial] = sorted(
        {m for row in rows for m in row.poly.terms if m}, key=lambda m: Poly({m: Fraction(1)}).key
    )
    rows = [*rows, *_known(monomials)]
    for monomial in monomials:
        check_time()
        above = [r for r in rows if r.poly.terms.get(monomial, 0) > 0]
        below = [r for r in rows if r.poly.terms.get(monomial, 0) < 0]
        rows = [r for r in rows if monomial not in r.poly.terms]
        if len(above) * len(below) > MAX_ROWS:
            return True
        for up, down in product(above, below):
            total = up.poly.scaled(-down.poly.terms[monomial]) + down.poly.scaled(
                up.poly.terms[monomial]
            )
            rows.append(Row(total, up.strict or down.strict))
    return all(_holds(row) for row in rows)


def _known(monomials: Iterable[Monomial]) -> Iterator[Row]:
    """What is known of the signs of monomials, such as exp(x) > 0."""
    for monomial in monomials:
        alone = Poly({monomial: Fraction(1)})
        if alone.positive:
            yield Row(alone, strict=True)
        elif alone.nonnegative:
            yield Row(alone, strict=False)


def _holds(row: Row) -> bool:
    value = row.poly.terms.get((), Fraction(0))
    return value > 0 if row.strict else value >= 0
