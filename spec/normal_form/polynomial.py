"""Polynomials in atoms, with rational coefficients: the values that normal forms are.

An atom is what the algebra does not open: an entry, a function of a polynomial, a sum of one
connected monomial, a root or reciprocal of a sum.

Relations used:  step(x)^2 = step(x);  delta(i,j)^2 = delta(i,j);  abs(x)^2 = x^2
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from backproof.spec.functions import FUNCTIONS
from backproof.spec.normal_form.budget import MAX_TERMS, TooLargeError, spend
from backproof.spec.normal_form.signs import Sign
from backproof.spec.terms import LARGEST_NUMBER, Index

# The kinds of atoms that bind an index.
BINDING = ("sum", "prod", "max", "hardmax")

# The largest whole power of a sum that is multiplied out.
MAX_POWER = 64


@dataclass(frozen=True, eq=False)
class Atom:
    """What a monomial is a product of. Atoms with equal keys are equal.

    Attributes:
        kind: entry, delta, match, size, constant, radical, apply, sum, prod, max, hardmax or poly.
        name: the tensor, axis, constant or function; for match, its offset.
        order: of the derivative, for apply; the prime number, for radical.
        indices: for entry and delta those written; for sum, prod and max those bound; for hardmax
            the one bound and then the position; for match the left one and then the parts.
        inner: for apply and poly, the argument or base; for sum, one monomial; for prod, max and
            hardmax, the body.
        factors: for match, by which each part is multiplied.
        sign: for entry, what is known of its sign; for match, POSITIVE if its position is known
            to lie on its axis, so that there is exactly one place at which it is 1.
    """

    kind: str
    name: str = ""
    order: int = 0
    indices: tuple[Index, ...] = ()
    inner: Poly | None = None
    factors: tuple[int, ...] = ()
    sign: Sign = Sign.UNKNOWN

    @cached_property
    def key(self) -> str:
        """The atom as a text that equal atoms share."""
        if self.kind == "match":
            left, *parts = (f"{i.name}:{i.axis}" for i in self.indices)
            position = sorted(f"{f}*{p}" for f, p in zip(self.factors, parts, strict=True))
            return f"match[{left},{'+'.join((*position, self.name))}]"
        if self.kind in ("entry", "delta"):
            inside = ",".join(f"{i.name}:{i.axis}" for i in self.indices)
            return f"{self.name}[{inside}]"
        if self.kind == "size":
            return f"|{self.name}|"
        if self.kind == "constant":
            return f"#{self.name}"
        if self.kind == "radical":
            return f"#{self.order}"
        assert self.inner is not None
        if self.kind == "apply":
            return f"{self.name}{chr(39) * self.order}({self.inner.key})"
        if self.kind == "poly":
            return f"({self.inner.key})"
        inside = ",".join(f"{i.name}:{i.axis}" for i in self.indices)
        return f"{'S' if self.kind == 'sum' else self.kind}[{inside}]({self.inner.key})"

    def is_plain(self, function: str) -> bool:
        """Whether it is this function, and no derivative of it."""
        return self.kind == "apply" and self.name == function and self.order == 0

    @property
    def opens(self) -> int:
        """The least power that can be written without the atom; 0 where there is none."""
        return 1 if self.kind == "poly" else 2 * self.is_plain("abs")

    @cached_property
    def free(self) -> frozenset[Index]:
        """The indices that are not bound inside."""
        if self.kind in ("entry", "delta", "match"):
            return frozenset(self.indices)
        if self.inner is None:
            return frozenset()
        free = self.inner.free - frozenset(self.bound)
        return free | {self.indices[1]} if self.kind == "hardmax" else free

    @property
    def bound(self) -> tuple[Index, ...]:
        """The indices that it binds."""
        if self.kind == "hardmax":
            return self.indices[:1]
        return self.indices if self.kind in BINDING else ()

    @cached_property
    def height(self) -> int:
        """How deep sums are nested."""
        below = self.inner.height if self.inner is not None else 0
        return below + (self.kind in BINDING)

    @cached_property
    def positive(self) -> bool:
        """Whether it is known to be above zero wherever it is defined."""
        if self.kind in ("size", "constant", "radical"):
            return True
        if self.kind == "entry":
            return self.sign is Sign.POSITIVE
        if self.kind == "apply":
            return self.order == 0 and self.name in FUNCTIONS and FUNCTIONS[self.name].positive
        if self.kind in ("sum", "prod", "max", "poly"):
            assert self.inner is not None
            return self.inner.positive
        return False

    @cached_property
    def nonnegative(self) -> bool:
        """Whether it is known not to be below zero wherever it is defined."""
        if self.kind == "apply" and self.order == 0 and self.name in ("abs", "step"):
            return True
        if self.kind in ("sum", "prod", "max"):
            assert self.inner is not None
            return self.inner.nonnegative
        known = self.positive or self.sign is Sign.NOT_NEGATIVE
        return known or self.kind in ("delta", "match", "hardmax")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __lt__(self, other: Atom) -> bool:
        return self.key < other.key


Monomial = tuple[tuple[Atom, Fraction], ...]


class Poly:
    """A finite sum of monomials with rational coefficients."""

    def __init__(self, terms: Mapping[Monomial, Fraction]) -> None:
        self.terms = {m: c for m, c in terms.items() if c}
        if len(self.terms) > MAX_TERMS:
            raise TooLargeError(f"more than {MAX_TERMS} terms")

    @cached_property
    def key(self) -> str:
        """The polynomial as a text that equal polynomials share."""
        return "+".join(sorted(f"{c}{monomial_key(m)}" for m, c in self.terms.items())) or "0"

    @cached_property
    def free(self) -> frozenset[Index]:
        """The indices that are not bound inside."""
        return frozenset().union(*(a.free for m in self.terms for a, _ in m))

    @cached_property
    def height(self) -> int:
        """How deep sums are nested."""
        return max((a.height for m in self.terms for a, _ in m), default=0)

    @cached_property
    def nonnegative(self) -> bool:
        """Whether it is known not to be below zero wherever it is defined."""
        return all(
            c > 0 and all(a.nonnegative or e % 2 == 0 for a, e in m) for m, c in self.terms.items()
        )

    @cached_property
    def positive(self) -> bool:
        """Whether it is known to be above zero wherever it is defined."""
        # What is divided by is not zero.
        return self.nonnegative and any(all(a.positive or e < 0 for a, e in m) for m in self.terms)

    @property
    def is_zero(self) -> bool:
        """Whether no term is left."""
        return not self.terms

    def __add__(self, other: Poly) -> Poly:
        terms = dict(self.terms)
        for m, c in other.terms.items():
            terms[m] = terms.get(m, Fraction(0)) + c
        return Poly(terms)

    def __sub__(self, other: Poly) -> Poly:
        return self + other.scaled(Fraction(-1))

    def __mul__(self, other: Poly) -> Poly:
        spend(len(self.terms) * len(other.terms))
        terms: dict[Monomial, Fraction] = {}
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                product, extra = _times(left, right)
                terms[product] = terms.get(product, Fraction(0)) + a * b * extra
        return multiplied_out(Poly(terms))

    def ratio_to(self, other: Poly) -> Fraction:
        """The coefficient here over the coefficient there, of the first monomial there."""
        monomial = min(other.terms, key=monomial_key)
        return self.terms.get(monomial, Fraction(0)) / other.terms[monomial]

    def scaled(self, by: Fraction) -> Poly:
        """Every coefficient times a number."""
        return Poly({m: c * by for m, c in self.terms.items()})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Poly) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def monomial_key(monomial: Monomial) -> str:
    """The monomial as a text that equal monomials share."""
    return "".join(f"*{a.key}" + (f"^{e}" if e != 1 else "") for a, e in monomial)


def joined(parts: Iterable[Poly]) -> Poly:
    """The sum of many polynomials, each term looked at once."""
    terms: dict[Monomial, Fraction] = {}
    for part in parts:
        for monomial, coefficient in part.terms.items():
            terms[monomial] = terms.get(monomial, Fraction(0)) + coefficient
        if len(terms) > MAX_TERMS:
            raise TooLargeError(f"more than {MAX_TERMS} terms")
    return Poly(terms)


ZERO_POLY = Poly({})


ONE_POLY = Poly({(): Fraction(1)})


def constant_poly(value: Fraction) -> Poly:
    """A number as a polynomial."""
    return Poly({(): value})


def atom_poly(atom: Atom, exponent: Fraction = Fraction(1)) -> Poly:
    """A power of one atom as a polynomial."""
    return Poly({((atom, exponent),): Fraction(1)})


def function_of(function: str, argument: Poly) -> Poly:
    """A function as it stands, without its relations."""
    return atom_poly(Atom("apply", function, inner=argument))


def _times(left: Monomial, right: Monomial) -> tuple[Monomial, Fraction]:
    exponents = dict(left)
    for atom, exponent in right:
        exponents[atom] = exponents.get(atom, Fraction(0)) + exponent
    return reduced(exponents)


def reduced(exponents: Mapping[Atom, Fraction]) -> tuple[Monomial, Fraction]:
    """A monomial in which each atom has the exponent that the relations leave to it."""
    coefficient = Fraction(1)
    kept: list[tuple[Atom, Fraction]] = []
    for atom, exponent in exponents.items():
        is_one = atom.kind in ("delta", "match") or atom.is_plain("step")
        if is_one and exponent > 0 and (exponent >= 1 or atom.kind != "apply"):
            exponent = Fraction(1) if exponent else exponent
        if atom.kind == "radical":
            whole = exponent.numerator // exponent.denominator
            coefficient *= Fraction(atom.order) ** whole
            exponent -= whole
        if exponent:
            kept.append((atom, exponent))
    return tuple(sorted(kept, key=lambda pair: pair[0].key)), coefficient


def multiplied_out(poly: Poly) -> Poly:
    """With whole powers of roots and of absolute values replaced by what they are powers of."""
    shut: dict[Monomial, Fraction] = {}
    opened: list[Poly] = []
    for monomial, coefficient in poly.terms.items():
        found = next(((a, e, e // a.opens) for a, e in monomial if a.opens and e >= a.opens), None)
        if found is None:
            shut[monomial] = coefficient
            continue
        atom, exponent, turns = found
        assert atom.inner is not None
        left = exponent - turns * atom.opens
        factors, extra = reduced(dict(monomial) | {atom: left})
        inside = whole_power(atom.inner, int(turns) * atom.opens)
        opened.append(Poly({factors: coefficient * extra}) * inside)
    return joined([Poly(shut), *opened]) if opened else poly


def whole_power(base: Poly, exponent: int) -> Poly:
    """The product of as many equal polynomials, multiplied out.

    Raises:
        TooLargeError: a power of a sum past ``MAX_POWER``, or a number of too many bits.
    """
    if len(base.terms) > 1:
        if exponent > MAX_POWER:
            raise TooLargeError(f"a power past {MAX_POWER} of a sum")
        result = ONE_POLY
        for _ in range(exponent):
            result = result * base
        return result
    if base.is_zero:
        return ZERO_POLY if exponent else ONE_POLY
    ((monomial, coefficient),) = base.terms.items()
    powers, extra = reduced({a: e * exponent for a, e in monomial})
    return constant_poly(whole_power_of_number(coefficient, exponent)) * Poly({powers: extra})


def whole_power_of_number(value: Fraction, exponent: int) -> Fraction:
    """A power of a number that is not zero, unless the exponent is positive.

    Raises:
        TooLargeError: it has more than ``LARGEST_NUMBER`` bits.
    """
    bits = max(value.numerator.bit_length(), value.denominator.bit_length())
    if abs(value) != 1 and bits * abs(exponent) > LARGEST_NUMBER:
        raise TooLargeError(f"a number of more than {LARGEST_NUMBER} bits")
    return value**exponent
