"""The value of a term entry by entry, by plain loops, in any kind of number.

Slow and simple on purpose: it shares nothing with the array forms by which code is printed and
large arrays are computed, and so can be held against them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import product
from typing import Generic, Protocol, TypeVar

from backproof.spec.deriving.derive import Derivation
from backproof.spec.functions import unfold
from backproof.spec.terms import (
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
)

S = TypeVar("S")


class NoValueError(ArithmeticError):
    """A term has no value at this point, or none that this kind of number can hold."""


class KinkError(NoValueError):
    """A function is taken exactly at a point where its derivative jumps."""


class _TooDeepError(Exception):
    """An entry lies too many definitions below the one that is being computed."""

    def __init__(self, key: tuple[str, tuple[int, ...]]) -> None:
        super().__init__(key)
        self.key = key


MAX_NESTED = 5


class Numbers(Protocol[S]):
    """The arithmetic that an evaluation needs."""

    def number(self, value: Fraction) -> S:
        """A rational constant."""

    def constant(self, name: str) -> S:
        """A named constant, such as pi."""

    def add(self, left: S, right: S) -> S:
        """Left + right."""

    def mul(self, left: S, right: S) -> S:
        """Left * right."""

    def power(self, base: S, exponent: Fraction) -> S:
        """Base ^ exponent; raises NoValueError where there is none."""

    def is_positive(self, value: S) -> bool:
        """Whether a number is above zero; raises KinkError where it is or may be zero."""

    def function(self, name: str, argument: S) -> S:
        """A primitive function; raises NoValueError where there is no value."""


class Evaluation(Generic[S]):
    """The entries of all tensors and gradients of a derivation, at one point.

    Args:
        derivation: what defines the names.
        numbers: the arithmetic.
        sizes: the size of each axis.
        given: the value of an entry of an input or an upstream gradient.
        functions: for each abstract function, the values of its derivatives of order 0, 1, ...
    """

    def __init__(
        self,
        derivation: Derivation,
        numbers: Numbers[S],
        sizes: Mapping[str, int],
        given: Callable[[str, tuple[int, ...]], S],
        functions: Mapping[str, Callable[[int, S], S]] | None = None,
    ) -> None:
        self.derivation = derivation
        self.numbers = numbers
        self.sizes = sizes
        self.given = given
        self.functions = functions or {}
        self.known: dict[tuple[str, tuple[int, ...]], S] = {}
        self._nested = 0

    def entry(self, tensor: str, position: tuple[int, ...]) -> S:
        """One entry of a tensor or a gradient."""
        key = (tensor, position)
        if key in self.known:
            return self.known[key]
        if self._nested >= MAX_NESTED:
            raise _TooDeepError(key)
        if self._nested:
            return self._computed(key)
        # A chain of definitions may be longer than the stack is deep: what is found to lie too
        # far down is computed first.
        pending = [key]
        while pending:
            try:
                self._computed(pending[-1])
                pending.pop()
            except _TooDeepError as missing:
                pending.append(missing.key)
        return self.known[key]

    def _computed(self, key: tuple[str, tuple[int, ...]]) -> S:
        tensor, position = key
        definition = self.derivation.definition(tensor)
        if definition is None:
            self.known[key] = self.given(tensor, position)
            return self.known[key]
        target, value = definition
        self._nested += 1
        try:
            self.known[key] = self.term(value, dict(zip(target.indices, position, strict=True)))
        finally:
            self._nested -= 1
        return self.known[key]

    def term(self, term: Term, at: Mapping[Index, int]) -> S:
        """The value of a term where its free indices have the given values, counted from 0."""
        numbers = self.numbers
        if isinstance(term, Number):
            return numbers.number(term.value)
        if isinstance(term, Constant):
            return numbers.constant(term.name)
        if isinstance(term, Size):
            return numbers.number(Fraction(self.sizes[term.axis]))
        if isinstance(term, Entry):
            return self.entry(term.tensor, tuple(at[i] for i in term.indices))
        if isinstance(term, Delta):
            return numbers.number(Fraction(int(at[term.left] == at[term.right])))
        if isinstance(term, Add):
            return self._added(self.term(part, at) for part in term.terms)
        if isinstance(term, Mul):
            result = self.term(term.factors[0], at)
            for factor in term.factors[1:]:
                result = numbers.mul(result, self.term(factor, at))
            return result
        if isinstance(term, Power):
            return numbers.power(self.term(term.base, at), term.exponent)
        if isinstance(term, Sum):
            return self._added(self.term(term.body, point) for point in self._places(term, at))
        if isinstance(term, Apply):
            return self._applied(term, at)
        if isinstance(term, Softmax):
            parts = [
                numbers.function("exp", self.term(term.body, point))
                for point in self._over((term.index,), at)
            ]
            below = numbers.power(self._added(iter(parts)), Fraction(-1))
            return numbers.mul(parts[at[term.index]], below)
        if isinstance(term, Match):
            place = term.offset + sum(factor * at[i] for i, factor in term.parts)
            return numbers.number(Fraction(int(at[term.left] == place)))
        if isinstance(term, Where):
            return self._chosen(term, at)
        if isinstance(term, Product):
            return self._product(term, at)
        if isinstance(term, Max):
            return self._maximum(term, at)
        if isinstance(term, Hardmax):
            return numbers.number(Fraction(int(at[term.at] == self._largest(term, at))))
        if isinstance(term, LogSumExp):
            inside = self._added(
                numbers.function("exp", self.term(term.body, point))
                for point in self._over((term.index,), at)
            )
            return numbers.function("log", inside)
        raise TypeError(f"{type(term).__name__} has no value: a bug in backproof")

    def _over(
        self, indices: tuple[Index, ...], at: Mapping[Index, int]
    ) -> Iterator[Mapping[Index, int]]:
        for values in product(*(range(self.sizes[i.axis]) for i in indices)):
            yield {**at, **dict(zip(indices, values, strict=True))}

    def _places(self, term: Sum, at: Mapping[Index, int]) -> Iterator[Mapping[Index, int]]:
        """The points of a sum at which a match among its factors does not make it zero."""
        factors = term.body.factors if isinstance(term.body, Mul) else (term.body,)
        matches = {f.left: f for f in factors if isinstance(f, Match) and f.left in term.indices}
        if any(i in matches for f in matches.values() for i, _ in f.parts):
            matches = {}
        free = tuple(i for i in term.indices if i not in matches)
        for point in self._over(free, at):
            found = {
                left: f.offset + sum(factor * point[i] for i, factor in f.parts)
                for left, f in matches.items()
            }
            if all(place < self.sizes[left.axis] for left, place in found.items()):
                yield {**point, **found}

    def _values(self, term: Max | Hardmax, at: Mapping[Index, int]) -> list[S]:
        return [self.term(term.body, point) for point in self._over((term.index,), at)]

    def _chosen(self, term: Where, at: Mapping[Index, int]) -> S:
        above = self.numbers.is_positive(self.term(term.test, at))
        return self.term(term.above if above else term.below, at)

    def _maximum(self, term: Max, at: Mapping[Index, int]) -> S:
        return self._values(term, at)[self._largest(term, at)]

    def _largest(self, term: Max | Hardmax, at: Mapping[Index, int]) -> int:
        """The position of the largest value.

        Raises:
            KinkError: there is no single one.
        """
        values, place = self._values(term, at), 0
        if not values:
            raise NoValueError("the largest of no values")
        numbers = self.numbers
        for k, value in enumerate(values[1:], start=1):
            lower = numbers.mul(numbers.number(Fraction(-1)), values[place])
            if numbers.is_positive(numbers.add(value, lower)):
                place = k
        return place

    def _product(self, term: Product, at: Mapping[Index, int]) -> S:
        result = self.numbers.number(Fraction(1))
        for point in self._over((term.index,), at):
            result = self.numbers.mul(result, self.term(term.body, point))
        return result

    def _added(self, parts: Iterator[S]) -> S:
        result: S | None = None
        for part in parts:
            result = part if result is None else self.numbers.add(result, part)
        return self.numbers.number(Fraction(0)) if result is None else result

    def _applied(self, term: Apply, at: Mapping[Index, int]) -> S:
        if term.function in self.functions:
            return self.functions[term.function](term.order, self.term(term.argument, at))
        simpler = unfold(term)
        if simpler is not term:
            return self.term(simpler, at)
        if term.order:
            raise NoValueError(f"nothing is known of {term.function}")
        return self.numbers.function(term.function, self.term(term.argument, at))
