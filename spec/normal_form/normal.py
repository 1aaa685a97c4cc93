"""The normal form of a term: a polynomial in atoms, with rational coefficients.

Products are distributed over sums, sums are split into connected parts that do not share an
index, bound indices are labelled canonically, and functions are reduced by their relations. Two
terms with equal normal forms are equal wherever both are defined; different normal forms prove
nothing.

Relations used, each true for every real argument at which both sides are defined:
    derivatives as the table of functions states them;  tanh(x) = 2 sigmoid(2x) - 1
    sigmoid(-x) = 1 - sigmoid(x);  erf(-x) = -erf(x);  relu(x) = x step(x);  step(x)^2 = step(x)
    relu(-x) = relu(x) - x;  abs(-x) = abs(x);  abs(x)^2 = x^2
    step(relu(x)) = step(x), and so for every function of two slopes that are not negative
    relu, abs, step and sign of what is known to be positive, or to be negative
    exp(x + y) = exp(x) exp(y);  log(exp(x)) = x;  exp(a log(x)) = x^a;  the logarithm of a
    product of positive factors;  softmax and logsumexp through exp, log and a sum
    (x^a)^n = x^(an) for whole n;  sum_j delta(i,j) f(j) = f(i);  delta(i,j) f(j) = delta(i,j) f(i)

    where(t > 0, a, b) = b + step(t) (a - b), wherever both branches have a value
    the product over i of a_i b_i is that of a_i times that of b_i
    the product over all but one is the product over all, divided by the one
    max_i(a + b_i) = a + max_i(b_i), max_i(c a_i) = c max_i(a_i) for c > 0; so for hardmax

    step(a x) = step(x) for a > 0, abs(x y) = abs(x) abs(y), max over i of ..., a product of exp

On request also sigmoid(x) = 1/(1 + exp(-x)) and softplus(x) = log(1 + exp(x)); and, so that only
steps are left of all that jumps: sign(x) = step(x) - step(-x), abs(x) = x sign(x), and
f(a + s b) = s f(a + b) + (1 - s) f(a) for a step s.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm

from backproof.spec.deadline import check_time
from backproof.spec.functions import FUNCTIONS, unfold
from backproof.spec.normal_form.canonical import Factor, canonical_order
from backproof.spec.normal_form.contraction import contract
from backproof.spec.normal_form.signs import NOTHING, Sign, Signs
from backproof.spec.terms import (
    LARGEST_NUMBER,
    Add,
    Apply,
    Constant,
    Delta,
    Entry,
    Hardmax,
    Index,
    LogSumExp,
    Match,
    Max,
    Mul,
    Number,
    Power,
    Product,
    Size,
    Softmax,
    Sum,
    Term,
    Where,
    add,
    apply,
    constant,
    delta,
    entry,
    fresh,
    hardmax,
    indices_in,
    match,
    max_over,
    mul,
    number,
    power,
    product_over,
    size,
    substitute,
    total,
)

MAX_TERMS = 20_000
MAX_PRODUCTS = 60_000
MAX_COPIES = 3
MAX_POWER = 64


class TooLargeError(Exception):
    """A normal form would take more work than the budget allows."""


class _Budget(threading.local):
    """The products of two terms that are left to the normal form that is being worked out."""

    left = MAX_PRODUCTS
    busy = False
    in_steps = False


_BUDGET = _Budget()


@contextmanager
def _budgeted(in_steps: bool | None = None) -> Iterator[None]:
    """One budget for all that runs inside; what is too deep for the stack is too large as well."""
    outermost, _BUDGET.busy = not _BUDGET.busy, True
    before = _BUDGET.in_steps
    if outermost and in_steps is not None:
        _BUDGET.in_steps = in_steps
    if outermost:
        _BUDGET.left = MAX_PRODUCTS
    try:
        yield
    except RecursionError:
        raise TooLargeError("it is nested too deeply") from None
    finally:
        _BUDGET.busy = not outermost
        _BUDGET.in_steps = before


def _spend(products: int) -> None:
    check_time()
    if products > MAX_TERMS or (_BUDGET.busy and products > _BUDGET.left):
        raise TooLargeError("more products of terms than a normal form may take")
    _BUDGET.left -= products


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
        return self.indices if self.kind in _BINDING else ()

    @cached_property
    def height(self) -> int:
        """How deep sums are nested."""
        below = self.inner.height if self.inner is not None else 0
        return below + (self.kind in _BINDING)

    @cached_property
    def unsettled(self) -> bool:
        """Whether a function of an argument that has no direction of its own occurs outside sums.

        Such as tanh(x - y): which of the two differences stands for both, only names can say.
        """
        if self.kind not in ("apply", "poly"):
            return False
        assert self.inner is not None
        reflected = self.kind == "poly" or (self.order == 0 and self.name in _REFLECTED)
        return (reflected and _direction(self.inner) == 0) or self.inner.unsettled

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

    def renamed(self, names: Mapping[Index, Index]) -> Atom:
        """With other names for free indices."""
        names = {old: new for old, new in names.items() if old in self.free and old != new}
        if not names:
            return self
        if self.kind == "delta":
            left, right = sorted(names.get(i, i) for i in self.indices)
            return Atom("delta", self.name, indices=(left, right))
        if self.kind in ("entry", "match"):
            indices = tuple(names.get(i, i) for i in self.indices)
            return Atom(self.kind, self.name, indices=indices, factors=self.factors, sign=self.sign)
        if self.kind == "hardmax":
            assert self.inner is not None
            over, at = self.indices
            inner = self.inner.renamed({old: new for old, new in names.items() if old != over})
            return _along_atom("hardmax", over, inner, names.get(at, at))
        assert self.inner is not None
        inner = self.inner.renamed(names)
        if self.kind == "sum":
            # The order of the bound indices may rest on the names of the free ones.
            ((monomial, _),) = inner.terms.items()
            return _sum_atom(self.indices, monomial)
        if self.kind in _BINDING:
            return _along_atom(self.kind, self.indices[0], inner)
        return Atom(self.kind, self.name, self.order, self.indices, inner)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __lt__(self, other: Atom) -> bool:
        return self.key < other.key


# The kinds of atoms that bind an index.
_BINDING = ("sum", "prod", "max", "hardmax")

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
        return "+".join(sorted(f"{c}{_monomial_key(m)}" for m, c in self.terms.items())) or "0"

    @cached_property
    def free(self) -> frozenset[Index]:
        """The indices that are not bound inside."""
        return frozenset().union(*(a.free for m in self.terms for a, _ in m))

    @cached_property
    def height(self) -> int:
        """How deep sums are nested."""
        return max((a.height for m in self.terms for a, _ in m), default=0)

    @cached_property
    def unsettled(self) -> bool:
        """Whether an atom is."""
        return any(a.unsettled for m in self.terms for a, _ in m)

    @cached_property
    def nonnegative(self) -> bool:
        """Whether it is known not to be below zero wherever it is defined."""
        return all(
            c > 0 and all(a.nonnegative or e % 2 == 0 for a, e in m) for m, c in self.terms.items()
        )

    @cached_property
    def positive(self) -> bool:
        """Whether it is known to be above zero wherever it is defined."""
        return self.nonnegative and any(all(a.positive for a, _ in m) for m in self.terms)

    @property
    def is_zero(self) -> bool:
        """Whether no term is left."""
        return not self.terms

    def renamed(self, names: Mapping[Index, Index]) -> Poly:
        """With other names for free indices."""
        if not self.free & names.keys():
            return self
        terms: dict[Monomial, Fraction] = {}
        for monomial, coefficient in self.terms.items():
            renamed, extra = _renamed(monomial, names)
            terms[renamed] = terms.get(renamed, Fraction(0)) + coefficient * extra
        return Poly(terms)

    def __add__(self, other: Poly) -> Poly:
        terms = dict(self.terms)
        for m, c in other.terms.items():
            terms[m] = terms.get(m, Fraction(0)) + c
        return Poly(terms)

    def __sub__(self, other: Poly) -> Poly:
        return self + other.scaled(Fraction(-1))

    def __mul__(self, other: Poly) -> Poly:
        _spend(len(self.terms) * len(other.terms))
        terms: dict[Monomial, Fraction] = {}
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                product, extra = _times(left, right)
                terms[product] = terms.get(product, Fraction(0)) + a * b * extra
        return _multiplied_out(Poly(terms))

    def ratio_to(self, other: Poly) -> Fraction:
        """The coefficient here over the coefficient there, of the first monomial there."""
        monomial = min(other.terms, key=_monomial_key)
        return self.terms.get(monomial, Fraction(0)) / other.terms[monomial]

    def scaled(self, by: Fraction) -> Poly:
        """Every coefficient times a number."""
        return Poly({m: c * by for m, c in self.terms.items()})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Poly) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _monomial_key(monomial: Monomial) -> str:
    return "".join(f"*{a.key}" + (f"^{e}" if e != 1 else "") for a, e in monomial)


def _joined(parts: Iterable[Poly]) -> Poly:
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


def _constant(value: Fraction) -> Poly:
    return Poly({(): value})


def _atom(atom: Atom, exponent: Fraction = Fraction(1)) -> Poly:
    return Poly({((atom, exponent),): Fraction(1)})


def _times(left: Monomial, right: Monomial) -> tuple[Monomial, Fraction]:
    exponents = dict(left)
    for atom, exponent in right:
        exponents[atom] = exponents.get(atom, Fraction(0)) + exponent
    return _reduced(exponents)


def _reduced(exponents: Mapping[Atom, Fraction]) -> tuple[Monomial, Fraction]:
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


def _renamed(monomial: Monomial, names: Mapping[Index, Index]) -> tuple[Monomial, Fraction]:
    exponents: dict[Atom, Fraction] = {}
    for atom, exponent in monomial:
        moved = atom.renamed(names)
        exponents[moved] = exponents.get(moved, Fraction(0)) + exponent
    return _reduced(exponents)


def _multiplied_out(poly: Poly) -> Poly:
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
        factors, extra = _reduced(dict(monomial) | {atom: left})
        inside = _raised(atom.inner, Fraction(turns * atom.opens))
        opened.append(Poly({factors: coefficient * extra}) * inside)
    return _joined([Poly(shut), *opened]) if opened else poly


# ---------------------------------------------------------------- directions


def _direction(poly: Poly) -> int:
    """1 or -1, opposite for a polynomial and its negative, and 0 where only names could decide.

    It does not depend on what the free indices are called, so that a sum may call them anew.
    """
    groups: dict[str, list[Fraction]] = {}
    blank = {i: Index("?", i.axis) for i in poly.free}
    for monomial, coefficient in poly.terms.items():
        shape = _monomial_key(_renamed(monomial, blank)[0])
        groups.setdefault(shape, []).append(coefficient)
    for _, coefficients in sorted(groups.items()):
        here, there = sorted(coefficients), sorted(-c for c in coefficients)
        if here != there:
            return 1 if here > there else -1
    return 0


def _leads_negative(poly: Poly) -> bool:
    """Whether the first monomial, in the order of keys, has a negative coefficient."""
    return bool(poly.terms) and poly.terms[min(poly.terms, key=_monomial_key)] < 0


# ---------------------------------------------------------------- sums


def _summed(indices: Iterable[Index], body: Poly) -> Poly:
    """The sum of a polynomial over indices."""
    indices = tuple(indices)
    parts: list[Poly] = []
    for monomial, coefficient in body.terms.items():
        if any(a.kind == "delta" and e == 1 and a.free & set(indices) for a, e in monomial):
            # A power that was multiplied out brought a delta to light.
            parts.append(_contracted(indices, monomial).scaled(coefficient))
            continue
        outside = {a: e for a, e in monomial if not a.free & set(indices)}
        inside = [(a, e) for a, e in monomial if a.free & set(indices)]
        opened, every = _opened(inside, indices)
        kept = _without_single_places(opened, every)
        placed = {_place_of(a) for a in opened if a not in kept}
        for index in every:
            if index not in placed and not any(index in a.free for a in kept):
                axis = Atom("size", index.axis)
                outside[axis] = outside.get(axis, Fraction(0)) + 1
        factors, extra = _reduced(outside)
        inside_factors, more = _reduced(kept)
        part = Poly({factors: coefficient * extra * more})
        for connected in _components(list(inside_factors), frozenset(every)):
            bound = tuple(i for i in every if any(i in a.free for a, _ in connected))
            part = part * _atom(_sum_atom(bound, tuple(connected)))
        parts.append(part)
    return _joined(parts)


def _without_single_places(
    factors: Mapping[Atom, Fraction], bound: tuple[Index, ...]
) -> dict[Atom, Fraction]:
    """Without what sums to 1 over an index that stands nowhere else.

    A match over its left index, whose position lies on its axis, so that exactly one place
    matches; the shares of a hardmax over its position.
    """
    kept = dict(factors)
    # A match may be all that keeps the index of a hardmax.
    for atom in sorted(factors, key=lambda a: a.kind != "match"):
        index = _place_of(atom) if factors[atom] == 1 else None
        if index in bound and not any(index in a.free for a in kept if a != atom):
            del kept[atom]
    return kept


def _place_of(atom: Atom) -> Index | None:
    """The index over which an atom sums to 1; None where there is none."""
    if atom.kind == "match" and atom.sign is Sign.POSITIVE:
        left, *parts = atom.indices
        return None if left in parts else left
    if atom.kind == "hardmax" and atom.inner is not None:
        over, at = atom.indices
        return None if at in atom.inner.free - {over} else at
    return None


def _contracted(indices: tuple[Index, ...], monomial: Monomial) -> Poly:
    term = contract(total(indices, as_term(Poly({monomial: Fraction(1)}))))
    return _Normaliser().poly(term)


def _opened(
    factors: list[tuple[Atom, Fraction]], bound: tuple[Index, ...]
) -> tuple[dict[Atom, Fraction], tuple[Index, ...]]:
    """The factors of a sum with the sums among them opened, and all indices that are then bound.

    So sum_j(sum_i(a_ij) b_j) and sum_ij(a_ij b_j) are one form. A high power of a sum stays shut:
    each of its copies would need indices of its own.
    """
    exponents: dict[Atom, Fraction] = {}
    every = list(bound)
    for atom, exponent in factors:
        copies = int(exponent) if exponent.denominator == 1 else 0
        if atom.kind != "sum" or not 1 <= copies <= MAX_COPIES:
            exponents[atom] = exponents.get(atom, Fraction(0)) + exponent
            continue
        assert atom.inner is not None
        ((monomial, _),) = atom.inner.terms.items()
        for _ in range(copies):
            names = {i: Index(f"&{len(every) + k}", i.axis) for k, i in enumerate(atom.indices)}
            every += names.values()
            for inner, power_ in monomial:
                moved = inner.renamed(names)
                exponents[moved] = exponents.get(moved, Fraction(0)) + power_
    return exponents, tuple(every)


def _components(
    factors: list[tuple[Atom, Fraction]], bound: frozenset[Index]
) -> list[list[tuple[Atom, Fraction]]]:
    """The factors in groups that share no bound index."""
    groups: list[tuple[set[Index], list[tuple[Atom, Fraction]]]] = []
    for factor in factors:
        indices = set(factor[0].free & bound)
        members = [factor]
        apart = []
        for group in groups:
            if group[0] & indices:
                indices |= group[0]
                members = group[1] + members
            else:
                apart.append(group)
        groups = [*apart, (indices, members)]
    return [members for _, members in groups]


def _sum_atom(bound: tuple[Index, ...], factors: Monomial) -> Atom:
    """The sum of one connected monomial, its bound indices labelled canonically."""
    marks = [Factor(_key_of(a, e), a.free & frozenset(bound)) for a, e in factors]
    # Every name made here carries the height: the factors may hold sums that are labelled anew
    # under these names, with names of their own, and the two must never meet.
    height = 1 + max(a.height for a, _ in factors)
    order = canonical_order(bound, marks, str(height))
    names = {old: Index(f"${height}.{k}", old.axis) for k, old in enumerate(order)}
    # Through names that nothing uses, so that renaming never merges two indices.
    middle = {old: Index(f"%{height}.{k}", old.axis) for k, old in enumerate(order)}
    final = {middle[old]: names[old] for old in order}
    renamed = {a.renamed(middle).renamed(final): e for a, e in factors}
    monomial = tuple(sorted(renamed.items(), key=lambda pair: pair[0].key))
    return Atom("sum", indices=tuple(names[i] for i in order), inner=Poly({monomial: Fraction(1)}))


# ---------------------------------------------------------------- products, largest values


def _along_atom(kind: str, over: Index, inner: Poly, at: Index | None = None) -> Atom:
    """A product, max or hardmax over one index, under a name that says how deep it stands."""
    height = 1 + inner.height
    name = Index(f"${height}.0", over.axis)
    middle = Index(f"%{height}.0", over.axis)
    inner = inner.renamed({over: middle}).renamed({middle: name})
    return Atom(kind, indices=(name,) if at is None else (name, at), inner=inner)


def _product_over(index: Index, body: Poly) -> Poly:
    """The product of a polynomial over an index, factor by factor."""
    if body.is_zero or len(body.terms) > 1:
        return _all_but_one(index, body) or _atom(_along_atom("prod", index, body))
    ((monomial, coefficient),) = body.terms.items()
    result = ONE_POLY
    if coefficient != 1:
        result = result * _atom(_along_atom("prod", index, _constant(coefficient)))
    for atom, exponent in monomial:
        if atom.is_plain("exp") and atom.inner is not None:
            result = result * _exp(_summed((index,), atom.inner.scaled(exponent)))
            continue
        whole = exponent.denominator == 1
        inner = _atom(atom) if whole else _atom(atom, exponent)
        along = _along_atom("prod", index, inner)
        result = result * _atom(along, exponent if whole else Fraction(1))
    return result


def _all_but_one(index: Index, body: Poly) -> Poly | None:
    """The product over j of delta(i,j) + (1 - delta(i,j)) b(j): that of b, over b(i).

    Only for a polynomial b in entries and analytic functions: it is not zero on an open set, so
    that what holds where it is not zero holds everywhere.
    """
    deltas = {a for m in body.terms for a, _ in m if a.kind == "delta" and index in a.indices}
    if len(deltas) != 1:
        return None
    (here,) = deltas
    other = next(i for i in here.indices if i != index)
    beside = [m for m in body.terms if any(a == here for a, _ in m)]
    rest = Poly({m: c for m, c in body.terms.items() if m not in beside})
    if rest + (ONE_POLY - rest) * _atom(here) != body or other in rest.free:
        return None
    if any(_jumps(a) for m in rest.terms for a, _ in m):
        return None
    return _product_over(index, rest) * _raised(rest.renamed({index: other}), Fraction(-1))


def _jumps(atom: Atom) -> bool:
    if atom.kind in ("delta", "match", "hardmax", "max"):
        return True
    if atom.kind == "apply" and atom.name in ("step", "sign", "abs", "relu"):
        return True
    return atom.inner is not None and any(_jumps(a) for m in atom.inner.terms for a, _ in m)


def _largest(index: Index, body: Poly) -> Poly:
    """The largest value of a polynomial over an index."""
    apart, inside = _split(index, body)
    if inside.is_zero:
        return body
    content = _content(inside)
    inner = inside.scaled(1 / content)
    # max_k(z_k) is the sum over k of hardmax_k(z) z_k, whatever z is a sum of.
    at = Index("&at", index.axis)
    chosen = _atom(_along_atom("hardmax", index, inner, at)) * inner.renamed({index: at})
    return _summed((at,), chosen).scaled(content) + apart


def _hardmax(at: Index, over: Index, body: Poly) -> Poly:
    inside = _split(over, body)[1]
    if not inside.is_zero:
        inside = inside.scaled(1 / _content(inside))
    return _atom(_along_atom("hardmax", over, inside, at))


def _split(index: Index, body: Poly) -> tuple[Poly, Poly]:
    """The terms without an index, and those with it."""
    inside = {m: c for m, c in body.terms.items() if any(index in a.free for a, _ in m)}
    return Poly({m: c for m, c in body.terms.items() if m not in inside}), Poly(inside)


def _key_of(atom: Atom, exponent: Fraction) -> Callable[[Mapping[Index, Index]], str]:
    return lambda names: f"{atom.renamed(names).key}^{exponent}"


# ---------------------------------------------------------------- powers


def _raised(base: Poly, exponent: Fraction) -> Poly:
    if exponent.denominator == 1 and exponent >= 0 and len(base.terms) > 1:
        if exponent > MAX_POWER:
            raise TooLargeError(f"a power past {MAX_POWER} of a sum")
        result = ONE_POLY
        for _ in range(exponent.numerator):
            result = result * base
        return result
    if base.is_zero:
        if exponent < 0:
            raise ZeroDivisionError("a negative power of zero")
        return ZERO_POLY if exponent else ONE_POLY
    if exponent.denominator > 1 and base.terms.keys() == {()} and base.terms[()] < 0:
        raise ValueError("a fractional power of a negative number")
    if _BUDGET.in_steps and len(base.terms) > 1:
        split = _split_at_step(base, lambda side: _raised(side, exponent))
        if split is not None:
            return split
    shared = _shared_factor(base)
    whole = exponent.denominator == 1
    if len(base.terms) == 1:
        ((monomial, coefficient),) = base.terms.items()
        if whole or (coefficient > 0 and all(a.nonnegative for a, _ in monomial)):
            powers, extra = _reduced({a: e * exponent for a, e in monomial})
            return _number_power(coefficient, exponent) * Poly({powers: extra})
        return _root_of_product(monomial, coefficient, exponent)
    content = _content(base) * (-1 if whole and _direction(base) < 0 else 1)
    if not whole:
        shared = tuple((a, e) for a, e in shared if a.positive)
    inverse, extra = _reduced({a: -e for a, e in shared})
    primitive = base * Poly({inverse: extra / content})
    outside, extra = _reduced({a: e * exponent for a, e in shared})
    return (
        _number_power(content, exponent)
        * Poly({outside: extra})
        * _atom(Atom("poly", inner=primitive), exponent)
    )


def _root_of_product(monomial: Monomial, coefficient: Fraction, exponent: Fraction) -> Poly:
    """A root of a product, with the factors in front of which that is known."""
    outside: dict[Atom, Fraction] = {}
    inside: dict[Atom, Fraction] = {}
    absolute: list[Poly] = []
    for atom, power_ in monomial:
        if atom.nonnegative:
            outside[atom] = power_ * exponent
        elif power_.denominator == 1 and power_ % 2 == 0:
            absolute.append(_raised(_abs(_atom(atom)), power_ * exponent))
        else:
            inside[atom] = power_
    rest = Poly({_reduced(inside)[0]: Fraction(-1 if coefficient < 0 else 1)})
    powers, extra = _reduced(outside)
    result = _number_power(abs(coefficient), exponent) * Poly({powers: extra})
    for factor in absolute:
        result = result * factor
    if rest == ONE_POLY:
        return result
    return result * _multiplied_out(_atom(Atom("poly", inner=rest), exponent))


def _content(poly: Poly) -> Fraction:
    above, below = 0, 1
    for c in poly.terms.values():
        above, below = gcd(above, c.numerator), lcm(below, c.denominator)
    return Fraction(above, below)


def _shared_factor(poly: Poly) -> Monomial:
    """The product of atoms without which no atom is below the line, and none in all monomials."""
    monomials = [dict(m) for m in poly.terms]
    atoms = dict.fromkeys(a for m in monomials for a in m)
    least = {a: min(m.get(a, Fraction(0)) for m in monomials) for a in atoms}
    return tuple((a, e) for a, e in least.items() if e)


def _number_power(value: Fraction, exponent: Fraction) -> Poly:
    if exponent.denominator == 1:
        bits = max(value.numerator.bit_length(), value.denominator.bit_length())
        if abs(value) != 1 and bits * abs(exponent.numerator) > LARGEST_NUMBER:
            raise TooLargeError(f"a number of more than {LARGEST_NUMBER} bits")
        return _constant(value**exponent.numerator)
    exponents: dict[Atom, Fraction] = {}
    for number_, sign in ((value.numerator, 1), (value.denominator, -1)):
        for prime, count in _factorised(number_).items():
            atom = Atom("radical", order=prime)
            exponents[atom] = exponents.get(atom, Fraction(0)) + sign * count * exponent
    monomial, coefficient = _reduced(exponents)
    return Poly({monomial: coefficient})


def _factorised(value: int) -> dict[int, int]:
    if value.bit_length() > 64:
        raise TooLargeError("a root of a number past 64 bits")
    found: dict[int, int] = {}
    candidate = 2
    while candidate * candidate <= value:
        while value % candidate == 0:
            found[candidate] = found.get(candidate, 0) + 1
            value //= candidate
        candidate += 1
    if value > 1:
        found[value] = found.get(value, 0) + 1
    return found


# ---------------------------------------------------------------- functions


def _applied(function: str, order: int, argument: Poly) -> Poly:
    """An abstract function, or a primitive of order 0, of a normal argument."""
    if _BUDGET.in_steps:
        split = _split_at_step(argument, lambda side: _applied(function, order, side))
        if split is not None:
            return split
    rule = _RELATIONS.get(function) if order == 0 else None
    if rule is not None:
        return rule(argument)
    return _atom(Atom("apply", function, order, inner=argument))


def _split_at_step(argument: Poly, value: Callable[[Poly], Poly]) -> Poly | None:
    """A function of what has a step s in it: s times its value at s = 1, and 1 - s at s = 0."""
    steps = {a for m in argument.terms for a, e in m if a.is_plain("step") and e == 1}
    if not steps:
        return None
    step = _atom(min(steps))
    above, below = (with_values(argument, {min(steps): side}) for side in (ONE_POLY, ZERO_POLY))
    return step * value(above) + (ONE_POLY - step) * value(below)


def _plain(function: str, argument: Poly) -> Poly:
    return _atom(Atom("apply", function, inner=argument))


def _exp(argument: Poly) -> Poly:
    exponents: dict[Atom, Fraction] = {}
    powers = ONE_POLY
    for monomial, coefficient in argument.terms.items():
        if len(monomial) == 1 and monomial[0][1] == 1 and monomial[0][0].is_plain("log"):
            inner = monomial[0][0].inner
            assert inner is not None
            powers = powers * _raised(inner, coefficient)
            continue
        atom = Atom("apply", "exp", inner=Poly({monomial: Fraction(1)}))
        exponents[atom] = coefficient
    monomial, coefficient = _reduced(exponents)
    return powers * Poly({monomial: coefficient})


def _log(argument: Poly) -> Poly:
    if argument.is_zero:
        return _plain("log", argument)
    if len(argument.terms) > 1:
        shared = tuple((a, e) for a, e in _shared_factor(argument) if a.positive)
        if not shared:
            return _plain("log", argument)
        inverse, extra = _reduced({a: -e for a, e in shared})
        return _log(Poly({shared: Fraction(1)})) + _log(argument * Poly({inverse: extra}))
    ((monomial, coefficient),) = argument.terms.items()
    if coefficient <= 0 or not all(a.positive for a, _ in monomial):
        return _plain("log", argument)
    parts = [_log_of_number(coefficient)]
    for atom, exponent in monomial:
        if atom.kind == "radical":
            parts.append(_log_of_number(Fraction(atom.order)).scaled(exponent))
        elif atom.is_plain("exp") and atom.inner is not None:
            parts.append(atom.inner.scaled(exponent))
        elif atom.kind == "poly" and atom.inner is not None:
            parts.append(_log(atom.inner).scaled(exponent))
        else:
            parts.append(_plain("log", _atom(atom)).scaled(exponent))
    return _joined(parts)


def _log_of_number(value: Fraction) -> Poly:
    return _joined(
        _plain("log", _constant(Fraction(prime))).scaled(Fraction(sign * count))
        for number_, sign in ((value.numerator, 1), (value.denominator, -1))
        for prime, count in _factorised(number_).items()
    )


def _sigmoid(argument: Poly) -> Poly:
    if argument.is_zero:
        return _constant(Fraction(1, 2))
    if _direction(argument) < 0:
        return ONE_POLY - _plain("sigmoid", argument.scaled(Fraction(-1)))
    return _plain("sigmoid", argument)


def _odd(function: str) -> Callable[[Poly], Poly]:
    def rule(argument: Poly) -> Poly:
        if argument.is_zero:
            return ZERO_POLY
        if _direction(argument) < 0:
            flipped = _plain(function, argument.scaled(Fraction(-1)))
            return flipped.scaled(Fraction(-1))
        return _plain(function, argument)

    return rule


def _sign(argument: Poly) -> Poly:
    for sign in (1, -1):
        if argument.scaled(Fraction(sign)).positive:
            return _constant(Fraction(sign))
    if _BUDGET.in_steps:
        return _step(argument) - _step(argument.scaled(Fraction(-1)))
    return _odd("sign")(argument)


def _abs(argument: Poly) -> Poly:
    for side in (argument, argument.scaled(Fraction(-1))):
        if side.nonnegative:
            return side
    if _BUDGET.in_steps:
        return argument * (_step(argument).scaled(Fraction(2)) - ONE_POLY)
    if len(argument.terms) == 1:
        return _abs_of_product(argument)
    if _direction(argument) < 0:
        argument = argument.scaled(Fraction(-1))
    return _plain("abs", argument)


def _abs_of_product(argument: Poly) -> Poly:
    ((monomial, coefficient),) = argument.terms.items()
    result = _constant(abs(coefficient))
    for atom, exponent in monomial:
        factor = _atom(atom) if atom.nonnegative else _plain("abs", _atom(atom))
        result = result * _raised(factor, exponent)
    return result


def _without_positive_factors(argument: Poly) -> Poly:
    """A polynomial of the same sign everywhere, with the factors that are positive left out."""
    shared = tuple((a, e) for a, e in _shared_factor(argument) if a.positive)
    inverse, extra = _reduced({a: -e for a, e in shared})
    return argument * Poly({inverse: extra / _content(argument)})


def _step(argument: Poly) -> Poly:
    if argument.is_zero or argument.scaled(Fraction(-1)).positive:
        return ZERO_POLY
    if argument.positive:
        return ONE_POLY
    argument = _without_positive_factors(argument)
    if _BUDGET.in_steps:
        return _split_at_step(argument, _step) or _plain("step", argument)
    # A mask taken at the output of relu, or of leaky_relu, is the mask at its input:
    # of x*(a + b*step(x)) the sign is that of a for x < 0, and that of a + b for x > 0.
    for atom in sorted({a for m in argument.terms for a, _ in m if a.is_plain("step")}):
        assert atom.inner is not None
        above = atom.inner * _atom(atom)
        below, slope = (argument.ratio_to(part) for part in (atom.inner, above))
        if atom.inner.scaled(below) + above.scaled(slope) != argument:
            continue
        if below >= 0 and below + slope > 0:
            return _atom(atom)
        if below < 0 and below + slope <= 0:
            return _plain("step", atom.inner.scaled(Fraction(-1)))
    return _plain("step", argument)


def _relu(argument: Poly) -> Poly:
    if argument.nonnegative:
        return argument
    if _direction(argument) < 0:
        return _relu(argument.scaled(Fraction(-1))) + argument
    return argument * _step(argument)


_RELATIONS: Mapping[str, Callable[[Poly], Poly]] = {
    "exp": _exp,
    "log": _log,
    "sigmoid": _sigmoid,
    "tanh": lambda z: _sigmoid(z.scaled(Fraction(2))).scaled(Fraction(2)) - ONE_POLY,
    "erf": _odd("erf"),
    "sign": _sign,
    "abs": _abs,
    "step": _step,
    "relu": _relu,
}

# Functions that are even, odd, or one minus themselves at the opposite argument.
_REFLECTED = ("sigmoid", "erf", "sign", "abs")


def _logistic(argument: Poly) -> Poly:
    return _raised(ONE_POLY + _exp(argument.scaled(Fraction(-1))), Fraction(-1))


_ELEMENTARY: Mapping[str, Callable[[Poly], Poly]] = {
    "sigmoid": _logistic,
    "tanh": lambda z: _logistic(z.scaled(Fraction(2))).scaled(Fraction(2)) - ONE_POLY,
    "softplus": lambda z: _log(ONE_POLY + _exp(z)),
}


# ---------------------------------------------------------------- terms


def normalise(
    term: Term, *, elementary: bool = False, in_steps: bool = False, signs: Signs = NOTHING
) -> Poly:
    """The normal form of a term.

    Args:
        term: the term.
        elementary: write sigmoid, tanh and softplus through exp and log.
        in_steps: leave nothing that jumps but steps, none of them inside of a function.
        signs: what is known of the signs of entries.

    Raises:
        TooLargeError: it would have more than ``MAX_TERMS`` terms, or is nested too deeply.
        ZeroDivisionError: a denominator is zero.
        ValueError: a fractional power of a negative number.
    """
    with _budgeted(in_steps):
        return _settled(_Normaliser(elementary, signs).poly(contract(term)))


def _settled(poly: Poly) -> Poly:
    """Where no sum can give the indices other names any more, their names decide what is left."""
    if not any(a.unsettled or a.kind == "delta" for m in poly.terms for a, _ in m):
        return poly
    parts: list[Poly] = []
    for monomial, coefficient in poly.terms.items():
        part = _constant(coefficient)
        for atom, exponent in monomial:
            part = part * _settled_power(atom, exponent)
        parts.append(part)
    return _on_diagonals(_joined(parts))


def _settled_power(atom: Atom, exponent: Fraction) -> Poly:
    if not atom.unsettled:
        return _atom(atom, exponent)
    assert atom.inner is not None
    inner = _settled(atom.inner)
    turned = _direction(inner) == 0 and _leads_negative(inner)
    if atom.kind == "poly":
        if turned and exponent.denominator == 1:
            sign = Fraction(-1) ** exponent.numerator
            return _raised(inner.scaled(Fraction(-1)), exponent).scaled(sign)
        return _raised(inner, exponent)
    if not (turned and atom.order == 0 and atom.name in _REFLECTED):
        value = _applied(atom.name, atom.order, inner)
    else:
        opposite = _plain(atom.name, inner.scaled(Fraction(-1)))
        if atom.name == "sigmoid":
            value = ONE_POLY - opposite
        else:
            value = opposite if atom.name == "abs" else opposite.scaled(Fraction(-1))
    return _raised(value, exponent)


def _on_diagonals(poly: Poly) -> Poly:
    """Beside delta(i,j) every j is written as i."""
    done: dict[Monomial, Fraction] = {}
    beside: dict[Atom, dict[Monomial, Fraction]] = {}
    for monomial, coefficient in poly.terms.items():
        for found, exponent in monomial:
            if exponent != 1:
                continue
            rest = tuple((a, e) for a, e in monomial if a != found)
            if found.kind == "delta" and any(found.indices[1] in a.free for a, _ in rest):
                beside.setdefault(found, {})[rest] = coefficient
                break
        else:
            done[monomial] = coefficient
    parts = [Poly(done)]
    for found, terms in beside.items():
        kept, other = found.indices
        try:
            moved = normalise(substitute(as_term(Poly(terms)), {other: kept}))
        except ZeroDivisionError:
            parts.append(Poly(terms) * _atom(found))
        else:
            parts.append(_on_diagonals(moved * _atom(found)))
    return _joined(parts)


class _Normaliser:
    def __init__(self, elementary: bool = False, signs: Signs = NOTHING) -> None:
        self.elementary = elementary
        self.signs = signs
        self.known: dict[Term, Poly] = {}

    def poly(self, term: Term) -> Poly:
        found = self.known.get(term)
        if found is None:
            check_time()
            found = self.known[term] = self._poly(term)
        return found

    def _poly(self, term: Term) -> Poly:
        if isinstance(term, Number):
            return _constant(term.value)
        if isinstance(term, Constant):
            return _atom(Atom("constant", term.name))
        if isinstance(term, Size):
            return _atom(Atom("size", term.axis))
        if isinstance(term, Entry):
            return _atom(Atom("entry", term.tensor, indices=term.indices, sign=self.signs.of(term)))
        if isinstance(term, Delta):
            return _atom(Atom("delta", "delta", indices=(term.left, term.right)))
        if isinstance(term, Add):
            terms: dict[Monomial, Fraction] = {}
            for part in term.terms:
                for m, c in self.poly(part).terms.items():
                    terms[m] = terms.get(m, Fraction(0)) + c
            return Poly(terms)
        if isinstance(term, Mul):
            return self._product([self.poly(factor) for factor in term.factors])
        if isinstance(term, Power):
            return _raised(self.poly(term.base), term.exponent)
        if isinstance(term, Sum):
            return _summed(term.indices, self.poly(term.body))
        if isinstance(term, Apply):
            simpler = unfold(term)
            if simpler is not term:
                return self.poly(simpler)
            argument = self.poly(term.argument)
            if self.elementary and term.function in _ELEMENTARY:
                return _ELEMENTARY[term.function](argument)
            return _applied(term.function, term.order, argument)
        if isinstance(term, Softmax):
            other = fresh(term.index, indices_in(term))
            moved = substitute(term.body, {term.index: other})
            above = _exp(self.poly(term.body))
            below = _summed((other,), _exp(self.poly(moved)))
            return above * _raised(below, Fraction(-1))
        if isinstance(term, LogSumExp):
            return _log(_summed((term.index,), _exp(self.poly(term.body))))
        if isinstance(term, Match):
            indices = (term.left, *(i for i, _ in term.parts))
            factors = tuple(factor for _, factor in term.parts)
            sign = Sign.POSITIVE if self.signs.reaches(term) else Sign.UNKNOWN
            return _atom(
                Atom("match", str(term.offset), indices=indices, factors=factors, sign=sign)
            )
        if isinstance(term, Where):
            above, below = self.poly(term.above), self.poly(term.below)
            return below + _step(self.poly(term.test)) * (above - below)
        if isinstance(term, Product):
            return _product_over(term.index, self.poly(term.body))
        if isinstance(term, Max):
            return _largest(term.index, self.poly(term.body))
        if isinstance(term, Hardmax):
            return _hardmax(term.at, term.index, self.poly(term.body))
        raise TypeError(f"{type(term).__name__} has no normal form: a bug in backproof")

    def _product(self, factors: Iterable[Poly]) -> Poly:
        # Single monomials first, all at once: most products are of nothing else.
        exponents: dict[Atom, Fraction] = {}
        coefficient = Fraction(1)
        sums: list[Poly] = []
        for factor in factors:
            if len(factor.terms) > 1:
                sums.append(factor)
                continue
            for monomial, c in (factor.terms or {(): Fraction(0)}).items():
                coefficient *= c
                for atom, exponent in monomial:
                    exponents[atom] = exponents.get(atom, Fraction(0)) + exponent
        monomial, extra = _reduced(exponents)
        result = _multiplied_out(Poly({monomial: coefficient * extra}))
        for factor in sums:
            result = result * factor
        return result


def cleared(poly: Poly) -> tuple[Poly, tuple[Poly, ...]]:
    """The polynomial times its denominators, and the denominators that are not known positive.

    It is zero wherever the polynomial is, and elsewhere only where a denominator is zero.
    """
    assumed: list[Poly] = []
    with _budgeted():
        return _cleared(poly, assumed), tuple(assumed)


def _cleared(poly: Poly, assumed: list[Poly]) -> Poly:
    while True:
        below: dict[Atom, Fraction] = {}
        for monomial in poly.terms:
            for atom, exponent in monomial:
                if atom.kind == "poly" and exponent < 0:
                    below[atom] = min(exponent, below.get(atom, Fraction(0)))
        if not below:
            return poly
        atom = min(below, key=lambda a: a.key)
        assert atom.inner is not None
        whole = below[atom].numerator // below[atom].denominator
        parts: list[Poly] = []
        for monomial, coefficient in poly.terms.items():
            exponents = dict(monomial)
            left = exponents.pop(atom, Fraction(0)) - whole
            rest, extra = _reduced(exponents)
            turns = left.numerator // left.denominator
            part = Poly({rest: coefficient * extra})
            if left - turns:
                part = part * _atom(atom, left - turns)
            parts.append(part * _raised(atom.inner, Fraction(turns)))
        poly = _joined(parts)
        if not atom.inner.positive:
            assumed.append(atom.inner)


def with_values(poly: Poly, values: Mapping[Atom, Poly]) -> Poly:
    """The polynomial with other values for atoms that stand outside of sums and functions."""
    parts: list[Poly] = []
    for monomial, coefficient in poly.terms.items():
        part = Poly({tuple((a, e) for a, e in monomial if a not in values): coefficient})
        for atom, exponent in monomial:
            if atom in values:
                part = part * _raised(values[atom], exponent)
        parts.append(part)
    return _joined(parts)


def with_marginals(poly: Poly, pattern: Atom, value: Poly) -> Poly:
    """The polynomial where a sum of one entry over one of its indices has a constant value.

    Also inside of other sums: in sum_nk(Y[n,k] Z[n]) the index k stands at Y alone.

    Args:
        poly: the polynomial.
        pattern: the sum, such as sum_k(Y[n,k]); one of another form changes nothing.
        value: what it is for all values of its free indices; itself without indices.
    """
    assert pattern.inner is not None
    ((monomial, _),) = pattern.inner.terms.items()
    (tensor, exponent), *more = monomial
    if more or exponent != 1 or tensor.kind != "entry" or len(pattern.indices) != 1:
        return poly
    place = tensor.indices.index(pattern.indices[0])
    parts: list[Poly] = []
    for outer, coefficient in poly.terms.items():
        part = _constant(coefficient)
        for atom, power_ in outer:
            whole = power_.denominator == 1 and power_ > 0
            found = _marginal(atom, tensor.name, place) if whole else None
            if found is None:
                part = part * _atom(atom, power_)
            else:
                indices, rest = found
                inside = with_marginals(_summed(indices, Poly({rest: Fraction(1)})), pattern, value)
                part = part * _raised(value * inside, power_)
        parts.append(part)
    return _joined(parts)


def _marginal(atom: Atom, tensor: str, place: int) -> tuple[tuple[Index, ...], Monomial] | None:
    """A sum without the entries of a tensor whose index at the place stands nowhere else in it."""
    if atom.kind != "sum" or atom.inner is None:
        return None
    ((monomial, _),) = atom.inner.terms.items()
    for found, exponent in monomial:
        if found.kind != "entry" or found.name != tensor or exponent != 1:
            continue
        index = found.indices[place]
        elsewhere = [i for k, i in enumerate(found.indices) if k != place]
        elsewhere += [i for other, _ in monomial if other != found for i in other.free]
        if index in atom.indices and index not in elsewhere:
            rest = tuple((a, e) for a, e in monomial if a != found)
            return tuple(i for i in atom.indices if i != index), rest
    return None


def denominators(poly: Poly) -> frozenset[Poly]:
    """The sums of several terms that stand below the line, outside of other sums."""
    return frozenset(
        a.inner
        for m in poly.terms
        for a, e in m
        if a.kind == "poly" and e < 0 and a.inner is not None
    )


def factors_of(poly: Poly) -> tuple[Poly, ...]:
    """The atoms that all terms share, and what is left of the terms, up to a number."""
    shared = _shared_factor(poly)
    inverse, extra = _reduced({a: -e for a, e in shared})
    rest = poly * Poly({inverse: extra / _content(poly)})
    found = [a.inner if a.kind == "poly" and a.inner is not None else _atom(a) for a, _ in shared]
    if not rest.terms.keys() <= {()}:
        found.append(rest)
    return tuple(p.scaled(Fraction(-1)) if _direction(p) < 0 else p for p in found)


def as_term(poly: Poly) -> Term:
    """A term whose normal form is the polynomial; bound indices keep their canonical names."""

    def on_atom(atom: Atom) -> Term:
        if atom.kind == "entry":
            return entry(atom.name, atom.indices)
        if atom.kind == "delta":
            return delta(*atom.indices)
        if atom.kind == "match":
            left, *parts = atom.indices
            return match(left, zip(parts, atom.factors, strict=True), int(atom.name))
        if atom.kind == "size":
            return size(atom.name)
        if atom.kind == "constant":
            return constant(atom.name)
        if atom.kind == "radical":
            return number(atom.order)
        assert atom.inner is not None
        inner = as_term(atom.inner)
        if atom.kind == "sum":
            return total(atom.indices, inner)
        if atom.kind == "prod":
            return product_over(atom.indices[0], inner)
        if atom.kind == "max":
            return max_over(atom.indices[0], inner)
        if atom.kind == "hardmax":
            return hardmax(atom.indices[1], atom.indices[0], inner)
        return apply(atom.name, inner, atom.order) if atom.kind == "apply" else inner

    return add(
        *(
            mul(number(c), *(power(on_atom(a), e) for a, e in m))
            for m, c in sorted(poly.terms.items(), key=lambda pair: _monomial_key(pair[0]))
        )
    )
