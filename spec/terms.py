"""Tensor expressions: small, immutable, interned, so that equal terms are the same object.

A term denotes one entry of a tensor: its free indices say which. An index carries its axis, so
that a sum over a delta always contracts. There is no transpose, no broadcasting and no axis
number: the order, absence and naming of indices say all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeVar
from weakref import WeakValueDictionary


@dataclass(frozen=True, slots=True, order=True)
class Index:
    """A position along an axis; two indices of one axis have the same range."""

    name: str
    axis: str


# A power of a number is worked out up to so many bits; 10^(10^9) stays as it is written.
LARGEST_NUMBER = 4096

_INTERNED: WeakValueDictionary[tuple[Any, ...], Term] = WeakValueDictionary()

_T = TypeVar("_T", bound="Term")


class Term:
    """Base of all nodes. Equality is identity, since equal nodes are made once.

    Build terms with the functions of this module (``add``, ``mul``, ...), which keep them flat
    and free of neutral elements.
    """

    __slots__ = ("__weakref__", "_every", "_free", "_tensors")
    _free: frozenset[Index] | None
    _every: frozenset[Index] | None
    _tensors: frozenset[str] | None

    @property
    def children(self) -> tuple[Term, ...]:
        """The direct subterms, from left to right."""
        return ()

    @property
    def free(self) -> frozenset[Index]:
        """The indices that no operator inside the term binds."""
        if self._free is None:
            self._free = self._own_free().union(*(c.free for c in self.children)) - self._bound()
        return self._free

    @property
    def every_index(self) -> frozenset[Index]:
        """All indices, free and bound."""
        if self._every is None:
            below = (c.every_index for c in self.children)
            self._every = self.free.union(self._bound(), *below)
        return self._every

    @property
    def tensors(self) -> frozenset[str]:
        """The names of the tensors that occur."""
        if self._tensors is None:
            self._tensors = self._own_tensors().union(*(c.tensors for c in self.children))
        return self._tensors

    def _own_free(self) -> frozenset[Index]:
        return frozenset()

    def _own_tensors(self) -> frozenset[str]:
        return frozenset()

    def _bound(self) -> frozenset[Index]:
        return frozenset()

    def __repr__(self) -> str:
        from backproof.spec.printers.index import index_form

        return f"<{index_form(self)}>"


def _intern(cls: type[_T], *values: Any) -> _T:
    key = (cls, *values)
    found = _INTERNED.get(key)
    if found is None:
        found = cls.__new__(cls)
        found._free = found._every = found._tensors = None
        for name, value in zip(cls.__slots__, values, strict=True):
            setattr(found, name, value)
        _INTERNED[key] = found
    return found  # type: ignore[return-value]


class Number(Term):
    """A rational constant."""

    __slots__ = ("value",)
    value: Fraction


class Constant(Term):
    """A named real constant, such as pi."""

    __slots__ = ("name",)
    name: str


class Size(Term):
    """The number of entries along an axis."""

    __slots__ = ("axis",)
    axis: str


class Entry(Term):
    """``tensor[indices]``."""

    __slots__ = ("indices", "tensor")
    tensor: str
    indices: tuple[Index, ...]

    def _own_free(self) -> frozenset[Index]:
        return frozenset(self.indices)

    def _own_tensors(self) -> frozenset[str]:
        return frozenset((self.tensor,))


class Delta(Term):
    """1 where the two indices agree, else 0 (Kronecker)."""

    __slots__ = ("left", "right")
    left: Index
    right: Index

    def _own_free(self) -> frozenset[Index]:
        return frozenset((self.left, self.right))


class Add(Term):
    """A sum of two or more terms."""

    __slots__ = ("terms",)
    terms: tuple[Term, ...]

    @property
    def children(self) -> tuple[Term, ...]:
        return self.terms


class Mul(Term):
    """A product of two or more factors."""

    __slots__ = ("factors",)
    factors: tuple[Term, ...]

    @property
    def children(self) -> tuple[Term, ...]:
        return self.factors


class Power(Term):
    """A base to a rational exponent."""

    __slots__ = ("base", "exponent")
    base: Term
    exponent: Fraction

    @property
    def children(self) -> tuple[Term, ...]:
        return (self.base,)


class Match(Term):
    """1 where the left index is at the position that the parts say, else 0.

    The position is ``offset`` plus each part's index times its factor, all counted from 0; the
    axis of the left index is long enough for all of them. ``X[t+k]`` is the sum of
    ``X[s]*match`` over s, so that an affine position needs no rule of its own in the algebra.
    """

    __slots__ = ("left", "offset", "parts")
    left: Index
    parts: tuple[tuple[Index, int], ...]
    offset: int

    def _own_free(self) -> frozenset[Index]:
        return frozenset((self.left, *(index for index, _ in self.parts)))


class Where(Term):
    """``above`` where the test is greater than 0, else ``below``; it jumps where the test is 0."""

    __slots__ = ("above", "below", "test")
    test: Term
    above: Term
    below: Term

    @property
    def children(self) -> tuple[Term, ...]:
        return (self.test, self.above, self.below)


class Binder(Term):
    """A node that runs over all values of the indices that it binds."""

    __slots__ = ()
    body: Term

    @property
    def bound(self) -> tuple[Index, ...]:
        """The indices that it binds, in order."""
        raise NotImplementedError

    @property
    def children(self) -> tuple[Term, ...]:
        return (self.body,)

    def _bound(self) -> frozenset[Index]:
        return frozenset(self.bound)

    def over(self, bound: tuple[Index, ...], body: Term) -> Term:
        """The same node with other bound indices and another body."""
        raise NotImplementedError


class OverIndex(Binder):
    """A node that runs over all values of one index."""

    __slots__ = ()
    index: Index

    @property
    def bound(self) -> tuple[Index, ...]:
        return (self.index,)


class Sum(Binder):
    """The sum of the body over all values of the bound indices."""

    __slots__ = ("body", "indices")
    indices: tuple[Index, ...]
    body: Term

    @property
    def bound(self) -> tuple[Index, ...]:
        return self.indices

    def over(self, bound: tuple[Index, ...], body: Term) -> Term:
        return total(bound, body)


class Apply(Term):
    """The derivative of the given order of a function of one argument, entry by entry."""

    __slots__ = ("argument", "function", "order")
    function: str
    order: int
    argument: Term

    @property
    def children(self) -> tuple[Term, ...]:
        return (self.argument,)


class Softmax(Term):
    """exp(body) over the sum of exp(body) along the axis of ``index``, at ``index`` (free)."""

    __slots__ = ("body", "index")
    index: Index
    body: Term

    @property
    def children(self) -> tuple[Term, ...]:
        return (self.body,)

    def _own_free(self) -> frozenset[Index]:
        return frozenset((self.index,))


class LogSumExp(OverIndex):
    """The logarithm of the sum of exp(body) over ``index`` (bound)."""

    __slots__ = ("body", "index")

    def over(self, bound: tuple[Index, ...], body: Term) -> Term:
        return logsumexp(bound[0], body)


class Product(OverIndex):
    """The product of the body over all values of ``index`` (bound)."""

    __slots__ = ("body", "index")

    def over(self, bound: tuple[Index, ...], body: Term) -> Term:
        return product_over(bound[0], body)


class Max(OverIndex):
    """The largest of the values of the body over ``index`` (bound)."""

    __slots__ = ("body", "index")

    def over(self, bound: tuple[Index, ...], body: Term) -> Term:
        return max_over(bound[0], body)


class Hardmax(OverIndex):
    """Where the largest of the values of the body over ``index`` (bound) stands.

    At the position ``at`` (free): 1 if the largest value is there alone, 0 if it is elsewhere;
    where several are largest, each has an equal share. The derivative of ``Max``.
    """

    __slots__ = ("at", "body", "index")
    at: Index

    @property
    def free(self) -> frozenset[Index]:
        if self._free is None:
            # What the body binds is taken away; the position stays, whatever its name.
            self._free = (self.body.free - {self.index}) | {self.at}
        return self._free

    def over(self, bound: tuple[Index, ...], body: Term) -> Term:
        return hardmax(self.at, bound[0], body)


class Partial(Term):
    """The partial derivative of one entry by another, named and not yet worked out."""

    __slots__ = ("by", "of")
    of: Entry
    by: Entry

    def _own_free(self) -> frozenset[Index]:
        return self.of.free | self.by.free


# ---------------------------------------------------------------- construction


def number(value: Fraction | int) -> Number:
    """A rational constant."""
    return _intern(Number, Fraction(value))


ZERO, ONE, MINUS_ONE = number(0), number(1), number(-1)


def constant(name: str) -> Constant:
    """A named real constant."""
    return _intern(Constant, name)


def size(axis: str) -> Size:
    """The size of an axis."""
    return _intern(Size, axis)


def entry(tensor: str, indices: Iterable[Index] = ()) -> Entry:
    """An entry of a tensor."""
    return _intern(Entry, tuple(indices), tensor)


def delta(left: Index, right: Index) -> Term:
    """Kronecker's delta; 1 when both indices are the same."""
    if left == right:
        return ONE
    return _intern(Delta, *sorted((left, right)))


def match(left: Index, parts: Iterable[tuple[Index, int]], offset: int = 0) -> Term:
    """1 where ``left`` is at ``offset`` plus the parts, each an index times a factor.

    Raises:
        ValueError: a factor is negative, or the offset: the position could lie below the first.
    """
    factors: dict[Index, int] = {}
    for index, factor in parts:
        factors[index] = factors.get(index, 0) + factor
    kept = tuple(sorted((i, f) for i, f in factors.items() if f))
    if offset < 0 or any(f < 0 for _, f in kept):
        raise ValueError("a position below the first")
    return _intern(Match, left, offset, kept)


def where(test: Term, above: Term, below: Term) -> Term:
    """``above`` where the test is greater than 0, else ``below``."""
    if above is below:
        return above
    if isinstance(test, Number):
        return above if test.value > 0 else below
    return _intern(Where, above, below, test)


def add(*terms: Term) -> Term:
    """A sum: flattened, constants collected in front, equal terms left as they are."""
    flat: list[Term] = []
    total = Fraction(0)
    for term in terms:
        for part in term.terms if isinstance(term, Add) else (term,):
            if isinstance(part, Number):
                total += part.value
            else:
                flat.append(part)
    if total or not flat:
        # A constant keeps the place at which a person wrote it: first or last.
        first = isinstance(terms[0], Number) if terms else True
        flat.insert(0 if first else len(flat), number(total))
    return flat[0] if len(flat) == 1 else _intern(Add, tuple(flat))


def mul(*factors: Term) -> Term:
    """A product: flattened, constants collected in front, zero and one removed."""
    flat: list[Term] = []
    coefficient = Fraction(1)
    for factor in factors:
        for part in factor.factors if isinstance(factor, Mul) else (factor,):
            if isinstance(part, Number):
                coefficient *= part.value
            else:
                flat.append(part)
    if coefficient == 0:
        return ZERO
    if coefficient != 1 or not flat:
        flat.insert(0, number(coefficient))
    return flat[0] if len(flat) == 1 else _intern(Mul, tuple(flat))


def power(base: Term, exponent: Fraction | int) -> Term:
    """A power; exponents 0 and 1 disappear, and so do integer powers of numbers, within reason."""
    exponent = Fraction(exponent)
    if exponent == 0 or base is ONE:
        return ONE
    if exponent == 1:
        return base
    if isinstance(base, Number) and exponent.denominator == 1 and (base.value or exponent > 0):
        bits = max(base.value.numerator.bit_length(), base.value.denominator.bit_length())
        if bits * abs(exponent.numerator) <= LARGEST_NUMBER:
            return number(base.value**exponent.numerator)
    if isinstance(base, Power) and exponent.denominator == 1:
        return power(base.base, base.exponent * exponent)
    return _intern(Power, base, exponent)


def total(indices: Iterable[Index], body: Term) -> Term:
    """The sum over indices; nested sums become one, and a zero body stays zero.

    Raises:
        ValueError: an index is bound twice.
    """
    indices = tuple(indices)
    if not indices or body is ZERO:
        return body
    if isinstance(body, Sum) and not set(indices) & set(body.indices):
        indices, body = indices + body.indices, body.body
    if len(set(indices)) < len(indices):
        raise ValueError("an index is bound twice")
    return _intern(Sum, body, indices)


def apply(function: str, argument: Term, order: int = 0) -> Apply:
    """A function of one argument, or its derivative."""
    return _intern(Apply, argument, function, order)


def softmax(index: Index, body: Term) -> Softmax:
    """Softmax along the axis of an index, at that index."""
    return _intern(Softmax, body, index)


def logsumexp(index: Index, body: Term) -> LogSumExp:
    """Logarithm of the sum of exponentials over an index."""
    return _intern(LogSumExp, body, index)


def product_over(index: Index, body: Term) -> Term:
    """The product over an index."""
    return body if body is ONE else _intern(Product, body, index)


def max_over(index: Index, body: Term) -> Term:
    """The largest value over an index, which the body has, or it is the body."""
    return _intern(Max, body, index) if index in body.free else body


def hardmax(at: Index, index: Index, body: Term) -> Term:
    """Where the largest value over an index stands, at a position."""
    return _intern(Hardmax, at, body, index)


def partial(of: Entry, by: Entry) -> Partial:
    """The derivative of one entry by another, as a name."""
    return _intern(Partial, by, of)


def negative(term: Term) -> Term:
    """-term."""
    return mul(MINUS_ONE, term)


# ---------------------------------------------------------------- traversal


def walk(term: Term) -> Iterator[Term]:
    """The term and all its subterms, each object once."""
    seen: set[int] = set()
    stack = [term]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            stack.extend(reversed(node.children))


def tensors_in(term: Term) -> set[str]:
    """The names of the tensors that occur."""
    return set(term.tensors)


def indices_in(term: Term) -> set[Index]:
    """All indices, free and bound."""
    return set(term.every_index)


def fresh(index: Index, taken: Iterable[Index | str]) -> Index:
    """An index of the same axis whose name is not taken: n, then n1, n2, ..."""
    names = {t.name if isinstance(t, Index) else t for t in taken}
    stem = index.name.rstrip("0123456789") or index.name
    candidate, count = index.name, 0
    while candidate in names:
        count += 1
        candidate = f"{stem}{count}"
    return Index(candidate, index.axis)


def rebuild(term: Term, on: Callable[[Term], Term]) -> Term:
    """The term with ``on`` applied to each direct subterm."""
    if isinstance(term, Add):
        return add(*map(on, term.terms))
    if isinstance(term, Mul):
        return mul(*map(on, term.factors))
    if isinstance(term, Power):
        return power(on(term.base), term.exponent)
    if isinstance(term, Binder):
        return term.over(term.bound, on(term.body))
    if isinstance(term, Apply):
        return apply(term.function, on(term.argument), term.order)
    if isinstance(term, Where):
        return where(on(term.test), on(term.above), on(term.below))
    if isinstance(term, Softmax):
        return softmax(term.index, on(term.body))
    return term


@lru_cache(maxsize=65536)
def _substitute(term: Term, pairs: frozenset[tuple[Index, Index]]) -> Term:
    change = {old: new for old, new in pairs if old in term.free}
    if not change:
        return term
    if isinstance(term, Entry):
        return entry(term.tensor, (change.get(i, i) for i in term.indices))
    if isinstance(term, Delta):
        return delta(change.get(term.left, term.left), change.get(term.right, term.right))
    if isinstance(term, Softmax):
        index = change.get(term.index, term.index)
        body = substitute(term.body, change)
        if index not in {change.get(o, o) for o in term.body.free - {term.index}}:
            return softmax(index, body)
        # On a diagonal, one index is a position and a place to sum at: only the quotient says so.
        other = fresh(term.index, indices_in(term.body) | set(change.values()) | {index})
        moved = substitute(term.body, {**change, term.index: other})
        below = total((other,), apply("exp", moved))
        return mul(apply("exp", body), power(below, -1))
    if isinstance(term, Match):
        parts = ((change.get(i, i), factor) for i, factor in term.parts)
        return match(change.get(term.left, term.left), parts, term.offset)
    if isinstance(term, Binder):
        bound = term.bound
        arriving = set(change.values())
        taken = arriving | term.body.free | set(change) | set(bound)
        # The position of a hardmax may have the name that its body binds.
        renamed = {old: new for old, new in change.items() if old not in bound}
        inside: list[Index] = []
        for index in bound:
            new = index
            if index in arriving:
                new = fresh(index, taken)
                renamed[index] = new
                taken.add(new)
            inside.append(new)
        body = substitute(term.body, renamed)
        if isinstance(term, Hardmax):
            return hardmax(change.get(term.at, term.at), inside[0], body)
        return term.over(tuple(inside), body)
    return rebuild(term, lambda child: substitute(child, change))


def substitute(term: Term, change: Mapping[Index, Index]) -> Term:
    """Replace free indices, all at once; bound ones are renamed where they would capture.

    A softmax that would be taken at an index of its own argument, as at A[o,o] for
    A[o,k] = softmax[k](Z[o,k]), becomes the quotient that it stands for.
    """
    wanted = frozenset((old, new) for old, new in change.items() if old != new)
    return _substitute(term, wanted) if wanted else term
