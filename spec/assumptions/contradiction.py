"""Assumptions that no values satisfy: a program that states such would make every claim true.

The assumptions are written out entry by entry at small sizes, as polynomials in the entries, and
their monomials are taken for free variables: linear equations and inequalities, of which
Fourier-Motzkin elimination says whether they have a solution. Where these have none, the
assumptions have none. Where an assumption has no polynomial, such as one with a logarithm, it is
left out, so that what is called a contradiction is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product

from backproof.spec.deriving.derive import Derivation
from backproof.spec.errors import SpecError
from backproof.spec.normal_form.budget import TooLargeError
from backproof.spec.normal_form.piecewise import Row, feasible
from backproof.spec.normal_form.polynomial import Atom, Poly
from backproof.spec.program import Assumption, Program
from backproof.spec.source import Span
from backproof.spec.terms import Size, indices_in, walk
from backproof.spec.values.pointwise import Evaluation, NoValueError

LARGEST_SIZE = 3
# With more axes than that, all have the same size.
MOST_AXES = 3
# More conditions than that at one choice of sizes are not looked at.
MOST_ROWS = 60


def check_consistent(program: Program) -> None:
    """Refuse assumptions that contradict each other.

    Raises:
        SpecError: no values satisfy them all, at any of the small sizes.
    """
    if is_consistent(program):
        return
    texts = " and ".join(a.text for a in program.assumptions)
    raise SpecError(
        f"the assumptions contradict each other: at no sizes up to {LARGEST_SIZE} do any values "
        f"satisfy {texts}",
        program.source,
        _place(program),
        help="an assumption has to be true at some values, or every claim would follow from it",
    )


def is_consistent(program: Program) -> bool:
    """Whether some values may satisfy all assumptions of a program."""
    if not program.assumptions:
        return True
    return any(_possible(program, sizes) for sizes in _small_sizes(program))


def _place(program: Program) -> Span | None:
    text = program.assumptions[-1].text
    start = program.source.text.rfind(text)
    return Span(start, start + len(text)) if text and start >= 0 else None


def _small_sizes(program: Program) -> Iterator[dict[str, int]]:
    sides = [side for a in program.assumptions for side in (a.left, a.right)]
    axes = sorted({i.axis for side in sides for i in indices_in(side)})
    for sizes in product(range(1, LARGEST_SIZE + 1), repeat=len(axes)):
        if len(axes) <= MOST_AXES or len(set(sizes)) == 1:
            yield dict.fromkeys(program.axes, 1) | dict(zip(axes, sizes, strict=True))


def _possible(program: Program, sizes: Mapping[str, int]) -> bool:
    rows: list[Row] = []
    for assumption in program.assumptions:
        if any(isinstance(n, Size) for s in (assumption.left, assumption.right) for n in walk(s)):
            # Other sizes than the small ones may be meant.
            continue
        rows += _rows(program, assumption, program.consistent(sizes))
    return len(rows) > MOST_ROWS or feasible(rows)


def _rows(program: Program, assumption: Assumption, sizes: Mapping[str, int]) -> list[Row]:
    """An assumption at every place, as conditions on monomials; none where it is no polynomial."""
    evaluation = Evaluation(Derivation(program, {}), _Polynomials(), sizes, _entry)
    free = sorted(assumption.left.free | assumption.right.free)
    rows: list[Row] = []
    try:
        for position in product(*(range(sizes[i.axis]) for i in free)):
            at = dict(zip(free, position, strict=True))
            left, right = (evaluation.term(x, at) for x in (assumption.left, assumption.right))
            above = left - right
            rows.append(Row(above, strict=assumption.relation == ">"))
            if assumption.is_equation:
                rows.append(Row(above.scaled(Fraction(-1)), strict=False))
    except (NoValueError, TooLargeError, RecursionError):
        return []
    return rows


def _entry(name: str, position: tuple[int, ...]) -> Poly:
    atom = Atom("entry", f"{name}{list(position)}")
    return Poly({((atom, Fraction(1)),): Fraction(1)})


class _Polynomials:
    """Polynomials in entries, as numbers of an evaluation."""

    def number(self, value: Fraction) -> Poly:
        return Poly({(): value})

    def constant(self, name: str) -> Poly:
        raise NoValueError(f"{name} is no polynomial")

    def add(self, left: Poly, right: Poly) -> Poly:
        return left + right

    def mul(self, left: Poly, right: Poly) -> Poly:
        return left * right

    def power(self, base: Poly, exponent: Fraction) -> Poly:
        if exponent.denominator != 1 or not 0 <= exponent <= 4:
            raise NoValueError("no polynomial")
        result = self.number(Fraction(1))
        for _ in range(int(exponent)):
            result = result * base
        return result

    def is_positive(self, value: Poly) -> bool:
        raise NoValueError("no polynomial")

    def function(self, name: str, argument: Poly) -> Poly:
        raise NoValueError(f"{name} is no polynomial")
