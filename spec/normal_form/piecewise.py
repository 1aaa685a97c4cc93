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
from backproof.spec.normal_form.denominators import cleared
from backproof.spec.normal_form.labelling import renamed
from backproof.spec.normal_form.polynomial import (
    ONE_POLY,
    ZERO_POLY,
    Atom,
    Monomial,
    Poly,
    atom_poly,
    joined,
)
from backproof.spec.normal_form.replacing import with_values
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
    the same axes, or else from everything, taken over the axes of the widest.
    """
    groups = _by_axes(difference)
    found = _all_vanish(groups.values())
    if found is not None or not any(groups):
        return found
    return _all_vanish([_over(difference, max(groups, key=len))])


def _all_vanish(parts: Iterable[Poly]) -> Vanishing | None:
    found: list[Vanishing] = []
    for part in parts:
        where = _vanishing(part)
        if where is None:
            return None
        found.append(where)
    return Vanishing(
        tuple(p for where in found for p in where.apart_from),
        tuple(p for where in found for p in where.denominators),
    )


# The axes that a sum runs over, each once.
_Axes = tuple[str, ...]


def _by_axes(difference: Poly) -> dict[_Axes, Poly]:
    """The terms without steps in sums, and the summands of the others, by the axes of the sums."""
    groups: dict[_Axes, list[Poly]] = {}
    for monomial, coefficient in difference.terms.items():
        found = [atom for atom in _sums_in(monomial) if _has_steps_in_sum(atom)]
        if len(found) == 1:
            axes, summand = _axes_of(found[0]), _opened(monomial, found[0])
        else:
            axes, summand = (), Poly({monomial: Fraction(1)})
        groups.setdefault(axes, []).append(summand.scaled(coefficient))
    return {axes: joined(parts) for axes, parts in groups.items()}


def _over(difference: Poly, axes: _Axes) -> Poly:
    """What a difference is the sum of, over some axes.

    What does not depend on an index is the sum over it of itself, divided by the size.
    """
    parts: list[Poly] = []
    for monomial, coefficient in difference.terms.items():
        found = sorted(_sums_in(monomial), key=lambda atom: not _has_steps_in_sum(atom))
        fitting = [atom for atom in found if set(_axes_of(atom)) <= set(axes)]
        summand, own = Poly({monomial: coefficient}), tuple[str, ...]()
        if fitting:
            summand, own = _opened(monomial, fitting[0]).scaled(coefficient), _axes_of(fitting[0])
        for axis in axes:
            if axis not in own:
                summand = summand * atom_poly(Atom("size", axis), Fraction(-1))
        parts.append(summand)
    return joined(parts)


def _sums_in(monomial: Monomial) -> list[Atom]:
    """The sums among the factors that run over axes of which no two are one."""
    sums = [a for a, e in monomial if e == 1 and a.kind == "sum"]
    return [a for a in sums if len(set(_axes_of(a))) == len(a.indices)]


def _axes_of(sum_: Atom) -> _Axes:
    return tuple(sorted(index.axis for index in sum_.indices))


def _opened(monomial: Monomial, sum_: Atom) -> Poly:
    """The factors beside a sum times what it is the sum of, under indices named by their axes."""
    assert sum_.inner is not None
    names = {index: Index(f"&{index.axis}", index.axis) for index in sum_.indices}
    rest = tuple(pair for pair in monomial if pair[0] != sum_)
    return Poly({rest: Fraction(1)}) * renamed(sum_.inner, names)


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
        if not _zero_where(rest, _forced(here, border)):
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


_SOLVED_FOR = ("entry", "sum", "prod", "max", "apply")


def _zero_where(rest: Poly, arguments: Iterable[Poly]) -> bool:
    """Whether a polynomial is zero where others are, seen by solving these for atoms."""
    pending = list(arguments)
    while pending and not rest.is_zero:
        solved = _solved(pending.pop(0))
        if solved is None:
            continue
        values = dict([solved])
        try:
            rest = cleared(with_values(rest, values))[0]
            pending = [with_values(argument, values) for argument in pending]
        except ZeroDivisionError:
            return False
    return rest.is_zero


def _solved(argument: Poly) -> tuple[Atom, Poly] | None:
    """An atom that stands alone in one term of a polynomial, and what it is at the zeros."""
    for monomial, coefficient in argument.terms.items():
        if len(monomial) != 1 or monomial[0][1] != 1 or monomial[0][0].kind not in _SOLVED_FOR:
            continue
        atom = monomial[0][0]
        others = Poly({m: c for m, c in argument.terms.items() if m != monomial})
        if not any(a == atom for m in others.terms for a, _ in m):
            return atom, others.scaled(-1 / coefficient)
    return None


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
