"""Sums of monomials: the arithmetic by which the checker compares two expressions.

It uses nothing of the project, and of the rest only fractions. A monomial is a rational
coefficient, the indices that it is summed over, and atoms with rational exponents. Each rule is a
true equation at all sizes from 1 and all real values at which both of its sides have a value;
step(v) is 1 where v is above zero, else 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from math import floor, gcd, lcm
from typing import Any

# (KIND, NAME, INDICES), ("fn", NAME, ORDER, argument) or ("pow", base); an index is "name:axis".
Atom = tuple[Any, ...]
Factors = dict[Atom, Fraction]
Poly = list[tuple[Fraction, tuple[str, ...], Factors]]  # coefficients, what is bound, factors
# The same with equal monomials collected and bound indices numbered, as arguments and bases are.
Sealed = tuple[tuple[tuple[str, ...], tuple[tuple[Atom, Fraction], ...], Fraction], ...]

LARGEST, HIGHEST = 20_000, 64  # monomials of a sum or bits of a number; power of a sum
POSITIVE = ("exp", "sigmoid", "softplus")
ONE, ZERO = Fraction(1), Fraction(0)
UNIT: Sealed = (((), (), ONE),)


class Refused(Exception):
    """A step is not valid."""


@contextmanager
def place(name: str) -> Iterator[None]:
    """Say where a refusal comes from; what is not even well formed is refused as well."""
    try:
        yield
    except Exception as error:
        what = str(error) if isinstance(error, Refused) else f"not well formed: {error!r}"
        raise Refused(": ".join(filter(None, (name, what)))) from None


def axis(index: str) -> str:
    """The axis of an index."""
    return index.split(":", 1)[1]


@cache
def free(atom: Atom) -> frozenset[str]:
    """The free indices of an atom (they have a colon), and the names of its tensors."""
    if atom[0] not in ("fn", "pow"):
        return frozenset((*atom[2], atom[1]) if atom[0] == "entry" else atom[2])
    return names(atom[-1])


def names(poly: Sealed) -> frozenset[str]:
    """The free indices of a sum of monomials, and the names of its tensors."""
    return frozenset(n for bound, fs, _ in poly for a, _ in fs for n in free(a) - {*bound})


@cache
def height(atom: Atom) -> int:
    """How deep arguments are nested; bound indices are numbered by it, so that none captures."""
    inner = atom[-1] if atom[0] in ("fn", "pow") else ()
    return 1 + max((height(a) for _, fs, _ in inner for a, _ in fs), default=0)


def positive(poly: Sealed) -> bool:
    """Whether it is seen to be above zero: no monomial is below, and one is above."""

    def above(a: Atom) -> bool:
        known = a[0] in ("constant", "size", "number") or (a[0] == "pow" and positive(a[1]))
        return known or (a[0] == "fn" and a[1] in POSITIVE and a[2] == 0)

    each = [[above(a) for a, _ in fs] for _, fs, _ in poly]
    squares = [[e % 2 == 0 for _, e in fs] for _, fs, _ in poly]
    signs = [
        all(p or q for p, q in zip(*pq, strict=True)) for pq in zip(each, squares, strict=True)
    ]
    return all(signs) and all(c > 0 for *_, c in poly) and any(map(all, each))


def single(atom: Atom, exponent: Fraction = ONE) -> Poly:
    """An atom to a power."""
    return [(ONE, (), {atom: exponent})]


def joined(left: Factors, right: Factors, times: Fraction | int = 1) -> Factors:
    """x^a (x^b)^n = x^(a + b n)."""
    return {a: left.get(a, ZERO) + times * right.get(a, ZERO) for a in {**left, **right}}


class Algebra:
    """Arithmetic on sums of monomials.

    Args:
        sizes: the axes of a fixed size.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.orders: Iterator[list[int]] = iter(())
        self.count = 0

    def fresh(self, index: str) -> str:
        """A new index of the same axis."""
        self.count += 1
        return f"%{self.count}:{axis(index)}"

    # ------------------------------------------------------------ products and sums

    def product(self, *polys: Poly) -> Poly:
        """Products of sums are distributed; no index may be bound in two of them."""
        result: Poly = [(ONE, (), {})]
        for poly in polys:
            if len(result) * len(poly) > LARGEST:
                raise Refused("too many terms")
            pairs = [(*m, *n) for m in result for n in poly]
            each = [self.reduced(c * d, b + g, joined(fs, hs)) for c, b, fs, d, g, hs in pairs]
            result = [m for monomials in each for m in monomials]
        return result

    def reduced(self, c: Fraction, bound: tuple[str, ...], fs: Factors) -> Poly:
        """A monomial with deltas contracted, powers opened, and empty sums counted."""
        fs = {a: e for a, e in fs.items() if e}
        for a, e in fs.items():
            rest = {b: x for b, x in fs.items() if b != a}
            if a[0] == "delta":
                i, j = a[2]
                old, kept = (i, j) if i in bound and j not in bound else (j, i)
                left = tuple(b for b in bound if b != old)
                if e < 0 or e.denominator > 1:
                    raise Refused("a power of a delta")
                if i == j:  # delta(i,i) = 1
                    return self.reduced(c, bound, rest)
                if old in bound:  # sum_j delta(i,j) f(j) = f(i)
                    return self.reduced(c, left, self.renamed(rest, {old: kept}))
                if any(old in free(b) for b in rest):  # delta(i,j) f(j) = delta(i,j) f(i)
                    return self.reduced(c, bound, {**self.renamed(rest, {old: kept}), a: e})
                fs[a] = ONE  # delta^2 = delta, and so for match and step
            elif (a[0] == "match" or a[:3] == ("fn", "step", 0)) and e.denominator == 1 and e > 1:
                fs[a] = ONE
            elif a[:3] == ("fn", "abs", 0) and e >= 2:  # |v|^2 = v^2
                whole = Fraction(2 * floor(e / 2))
                opened = self.power(a[3], whole)
                return self.product([(c, bound, {**rest, a: e - whole})], opened)
            elif a[0] == "size" and a[1] in self.sizes:
                number = ("number", str(int(self.sizes[a[1]])), ())
                return self.reduced(c, bound, joined(rest, {number: e}))
            elif a[0] == "number" and (a[1] == "1" or floor(e)):
                if abs(e) * int(a[1]).bit_length() > LARGEST:
                    raise Refused("too large a number")
                part = {} if a[1] == "1" else {a: e - floor(e)}
                return self.reduced(c * Fraction(a[1]) ** floor(e), bound, joined(rest, part))
            elif a[0] == "pow" and not a[1]:  # two indices became one, and the base zero
                return self.power(a[1], e)
            elif a[0] == "pow" and e >= 1:  # v^(3/2) = v v^(1/2)
                opened = self.power(a[1], Fraction(floor(e)))
                return self.product([(c, bound, {**rest, a: e - floor(e)})], opened)
        for i in bound:
            if not any(i in free(a) for a in fs):  # sum_i f = size(i) f where f has no i
                left = tuple(b for b in bound if b != i)
                return self.reduced(c, left, joined(fs, {("size", axis(i), ()): ONE}))
        return [(c, bound, fs)] if c else []

    def divided(self, poly: Poly, by: Poly) -> Poly:
        """Every monomial over a single one that is no sum."""
        ((d, bound, below),) = by
        if bound:
            raise Refused("a sum over an index cannot be divided by")
        each = [self.reduced(c / d, b, joined(fs, below, -1)) for c, b, fs in poly]
        return [m for monomials in each for m in monomials]

    # ------------------------------------------------------------ powers and functions

    def parted(self, poly: Sealed, whole: bool) -> tuple[Fraction, Factors, Sealed]:
        """A number, atoms that all monomials share, and the rest; unless whole, all above zero.

        What is not above zero is left in the rest then.
        """
        content = Fraction(
            gcd(*(c.numerator for *_, c in poly)), lcm(*(c.denominator for *_, c in poly))
        )
        if whole and len(poly) == 1:
            content = poly[0][2]
        inside = {i for bound, _, _ in poly for i in bound}
        shared: Factors = {}
        for a in dict.fromkeys(a for _, fs, _ in poly for a, _ in fs):
            least = min(dict(fs).get(a, ZERO) for _, fs, _ in poly)
            above = positive((((), ((a, ONE),), ONE),))
            if least and free(a).isdisjoint(inside) and (whole or above):
                shared[a] = least
        left = [(b, (*joined(dict(fs), shared, -1).items(),), c / content) for b, fs, c in poly]
        return content, shared, self.seal(self.unsealed((*left,), {}))

    def power(self, base: Sealed, e: Fraction) -> Poly:
        """(a v)^e = a^e v^e: for whole e, and for others where a is above zero."""
        whole = e.denominator == 1
        if not e:
            return [(ONE, (), {})]
        if not base:
            if e < 0:
                raise Refused("division by zero")
            return []
        content, shared, rest = self.parted(base, whole)
        if content != 1 or shared:
            above, below = (("number", str(n), ()) for n in content.as_integer_ratio())
            shared = joined(joined(shared, {above: ONE}), {below: -ONE})
            outside = self.reduced(ONE, (), joined({}, shared, e))
            return self.product(outside, self.power(rest, e))
        if base == UNIT:
            return [(ONE, (), {})]
        if not whole or e < 0:
            return single(("pow", base), e)
        if e > HIGHEST:
            raise Refused("too high a power")
        return self.product(*(self.unsealed(base, {}) for _ in range(int(e))))

    def applied(self, name: str, order: int, poly: Sealed) -> Poly:
        """A function of one argument, by its relations."""
        if order == 0 and name == "exp":  # e^(a m + b n) = (e^m)^a (e^n)^b;  e^(a log v) = v^a
            powers: list[Poly] = []
            for bound, fs, c in poly:
                inner = fs[0][0] if len(fs) == 1 and fs[0][1] == 1 and not bound else (None,)
                of_log = inner[:3] == ("fn", "log", 0)
                atom = ("fn", "exp", 0, ((bound, fs, ONE),))
                powers.append(self.power(inner[3], c) if of_log else single(atom, c))
            return self.product(*powers)
        if order == 0 and name == "log" and poly:  # log(a v^e) = log a + e log v;  log e^v = v
            content, shared, rest = self.parted(poly, whole=False)
            logs = [(ONE, self._log(rest)), (ONE, self._log((((), (), content),)))]
            for a, e in shared.items():
                base = a[1] if a[0] == "pow" else (((), ((a, ONE),), ONE),)
                of_exp = a[:3] == ("fn", "exp", 0)
                logs.append((e, self.unsealed(a[3], {}) if of_exp else self._log(base)))
            return [(e * c, bound, fs) for e, log in logs for c, bound, fs in log]
        if order == 0 and name == "step" and poly:  # step(a v) = step(v) for a > 0
            _, _, rest = self.parted(poly, whole=False)
            if positive(rest):
                return [(ONE, (), {})]
            for a, _ in rest[0][1]:  # step(v step(v)) = step(v)
                if (
                    a[:3] == ("fn", "step", 0)
                    and self.seal(self.product(self.unsealed(a[3], {}), single(a))) == rest
                ):
                    return single(a)
            return single(("fn", name, 0, rest))
        return single(("fn", name, order, poly))

    def _log(self, poly: Sealed) -> Poly:
        return [] if poly == UNIT else single(("fn", "log", 0, poly))

    # ------------------------------------------------------------ names of indices

    def renamed(self, fs: Factors, change: Mapping[str, str]) -> Factors:
        """Factors with other names for free indices."""
        found: Factors = {}
        for a, e in fs.items():
            if a[0] in ("fn", "pow") and not free(a).isdisjoint(change):
                a = (*a[:-1], self.seal(self.unsealed(a[-1], change)))
            elif a[0] in ("entry", "delta", "match"):
                fixed = {"delta": 0, "match": 1}.get(a[0], len(a[2]))
                indices = [change.get(i, i) for i in a[2]]
                a = (a[0], a[1], (*indices[:fixed], *sorted(indices[fixed:])))
            found = joined(found, {a: e})
        return found

    def unsealed(self, poly: Sealed, change: Mapping[str, str]) -> Poly:
        """The monomials with free indices renamed and bound ones called anew."""
        found: Poly = []
        for bound, fs, c in poly:
            new = {i: self.fresh(i) for i in bound}
            found += self.reduced(c, (*new.values(),), self.renamed(dict(fs), {**change, **new}))
        return found

    def order(self, bound: tuple[str, ...], fs: Factors) -> list[int]:
        """In which order bound indices are numbered; whatever it is, the value is the same."""
        usual = list(range(len(bound)))
        return next(self.orders, usual) if len(bound) > 1 else usual

    def seal(self, poly: Poly) -> Sealed:
        """Equal monomials collected, their bound indices called by number."""
        found: dict[Any, Fraction] = {}
        for c, bound, fs in poly:
            order, level = self.order(bound, fs), max(map(height, fs), default=0)
            if sorted(order) != list(range(len(bound))):
                raise Refused("the bound indices cannot be numbered so")
            change = {bound[k]: f"#{level}.{n}:{axis(bound[k])}" for n, k in enumerate(order)}
            if ({i for a in fs for i in free(a)} - {*bound}) & {*change.values()}:
                raise Refused("a bound index would get the name of a free one")
            inner = sorted(self.renamed(fs, change).items(), key=repr)
            key = (*change.values(),), (*inner,)
            found[key] = found.get(key, ZERO) + c
        return (*sorted(((*key, c) for key, c in found.items() if c), key=repr),)
