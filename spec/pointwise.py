"""The value of a term entry by entry, by plain loops, in any kind of number.

Slow and simple on purpose: it shares nothing with the array forms by which code is printed and
large arrays are computed, and so can be held against them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import product
from typing import Generic, Protocol, TypeVar

from backproof.spec.derive import Derivation
from backproof.spec.functions import unfold
from backproof.spec.terms import (
    Add,
    Apply,
    Constant,
    Delta,
    Entry,
    Index,
    LogSumExp,
    Mul,
    Number,
    Power,
    Size,
    Softmax,
    Sum,
    Term,
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
            return self._added(
                self.term(term.body, point) for point in self._over(term.indices, at)
            )
        if isinstance(term, Apply):
            return self._applied(term, at)
        if isinstance(term, Softmax):
            parts = [
                numbers.function("exp", self.term(term.body, point))
                for point in self._over((term.index,), at)
            ]
            below = numbers.power(self._added(iter(parts)), Fraction(-1))
            return numbers.mul(parts[at[term.index]], below)
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
