"""A program evaluated entry by entry, over whatever scalars a domain brings.

No arrays, no axis numbers, no einsum: an index is a loop. What is slow here is independent of
the whole-array lowering that the fast oracles share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import prod
from typing import Generic, TypeVar

from backproof.oracles.matching import loops, settled_in, settled_place
from backproof.oracles.ties import Ties
from backproof.spec.deriving.derive import Derivation
from backproof.spec.functions import FUNCTIONS, X, formula, is_abstract
from backproof.spec.terms import (
    MINUS_ONE,
    ONE,
    ZERO,
    Add,
    Apply,
    Binder,
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
    mul,
    rebuild,
    tensors_in,
)

S = TypeVar("S")
Place = tuple[int, ...]

# Deeper chains of definitions are cut and resumed, so that a network of any depth fits the stack.
_DEPTH = 24


class NoRuleError(Exception):
    """The domain has no value for something that occurs; the message says what."""


class Domain(ABC, Generic[S]):
    """Scalars and what can be done with them.

    ``smooth`` is asked only for primitives without kinks. Around a kink the evaluator itself
    looks at the two sides: ``side`` says where the argument lies.
    """

    @abstractmethod
    def number(self, value: Fraction) -> S:
        """A rational constant."""

    @abstractmethod
    def constant(self, name: str) -> S:
        """A named real constant, such as pi.

        Raises:
            NoRuleError: the domain does not know it.
        """

    @abstractmethod
    def total(self, terms: Sequence[S]) -> S:
        """The sum of any number of terms; of none, zero."""

    @abstractmethod
    def mul(self, left: S, right: S) -> S:
        """A product."""

    @abstractmethod
    def power(self, base: S, exponent: Fraction) -> S:
        """A rational power; what nothing is known of where it has no real value."""

    @abstractmethod
    def smooth(self, function: str, argument: S) -> S:
        """A primitive function without kinks.

        Raises:
            NoRuleError: the domain cannot represent its values.
        """

    @abstractmethod
    def side(self, argument: S, kink: Fraction) -> int:
        """-1 where the argument is surely below the kink, 1 where surely above, else 0."""

    @abstractmethod
    def halves(self, argument: S, kink: Fraction) -> tuple[S, S]:
        """The parts of an argument of side 0 that are not above and not below the kink."""

    @abstractmethod
    def hull(self, left: S, right: S) -> S:
        """A scalar that holds both."""

    @abstractmethod
    def undetermined(self) -> S:
        """The scalar that nothing is known of."""

    def defined(self, argument: S, value: S) -> S:
        """The value of a function that is defined through others, once they have given it."""
        return value

    def minus(self, left: S, right: S) -> S:
        """A difference."""
        return self.total([left, self.mul(self.number(Fraction(-1)), right)])

    def softmax(self, values: Sequence[S], position: int) -> S:
        """One entry of the softmax of some values."""
        # 1 / sum_j exp(x_j - x_k): no quotient of two numbers that may both overflow.
        ratios = self._ratios(values, position)
        return self.power(self.total(ratios), Fraction(-1))

    def logsumexp(self, values: Sequence[S]) -> S:
        """The logarithm of the sum of the exponentials of at least one value."""
        largest = self.largest(values)
        if len(values) == 1:
            return values[0]
        ratios = self._ratios(values, largest)
        return self.total([values[largest], self.smooth("log", self.total(ratios))])

    def largest(self, values: Sequence[S]) -> int:
        """The position of a value that none of those after it surely exceeds."""
        best = 0
        for position in range(1, len(values)):
            if self.side(self.minus(values[position], values[best]), Fraction(0)) > 0:
                best = position
        return best

    def maximum(self, values: Sequence[S]) -> S:
        """The largest of at least one value; where two may be it, a scalar that holds both."""
        best = values[0]
        for value in values[1:]:
            side = self.side(self.minus(value, best), Fraction(0))
            best = value if side > 0 else best if side < 0 else self.hull(best, value)
        return best

    def hardmax(self, values: Sequence[S], position: int, settled: bool) -> S:
        """The share that a position has in the largest value.

        On a tie it is anything from 0 to 1, as a derivative is; an equal share if that is settled.
        """
        zero, one = self.number(Fraction(0)), self.number(Fraction(1))
        gaps = [
            self.minus(values[position], value) for k, value in enumerate(values) if k != position
        ]
        sides = [self.side(gap, Fraction(0)) for gap in gaps]
        if any(side < 0 for side in sides):
            return zero
        open_ = [gap for gap, side in zip(gaps, sides, strict=True) if not side]
        if settled and all(map(self.is_zero, open_)):
            return self.number(Fraction(1, 1 + len(open_)))
        return self.hull(zero, one) if open_ else one

    def is_zero(self, value: S) -> bool:
        """Whether a scalar is surely and exactly 0, and does not move."""
        return False

    def _ratios(self, values: Sequence[S], reference: int) -> list[S]:
        return [
            self.number(Fraction(1))
            if position == reference
            else self.smooth("exp", self.minus(value, values[reference]))
            for position, value in enumerate(values)
        ]


# What a primitive with a kink at 0 is on either side of it.
_PIECES: Mapping[str, tuple[Term, Term]] = {
    "relu": (ZERO, X),
    "abs": (mul(MINUS_ONE, X), X),
    "step": (ZERO, ONE),
    "sign": (MINUS_ONE, ONE),
}
# Functions that jump: at the jump they have no derivative, not even one-sided ones to choose from.
_JUMPS = frozenset({"step", "sign"})


@lru_cache(maxsize=256)
def one_sided(function: str, order: int, upper: bool) -> Term:
    """The derivative of the given order on one side of the kink, as a formula in ``X``."""

    def on(term: Term) -> Term:
        term = rebuild(term, on)
        if isinstance(term, Apply) and term.argument is X and term.function in _PIECES:
            if term.order == 0:
                return _PIECES[term.function][upper]
            slope = formula(term.function, term.order)
            return term if slope is None else on(slope)
        return term

    if order == 0 and function in _PIECES:
        return _PIECES[function][upper]
    found = formula(function, order)
    if found is None:
        raise NoRuleError(f"{function} has a kink and no pieces: a bug in backproof")
    return on(found)


def needed(derivation: Derivation, wanted: Iterable[str]) -> tuple[str, ...]:
    """The defined names that the wanted ones rest on, themselves included, dependencies first.

    Raises:
        ValueError: the derivation has no tensor or gradient of a wanted name.
    """
    gradients = tuple(g.name for g in derivation.gradients.values())
    known = {*derivation.program.tensors, *gradients}
    found: set[str] = set()
    pending = list(wanted)
    while pending:
        name = pending.pop()
        if name not in known:
            raise ValueError(f"nothing is named {name}; known are {', '.join(sorted(known))}")
        definition = derivation.definition(name)
        if definition is not None and name not in found:
            found.add(name)
            pending.extend(tensors_in(definition[1]))
    order = (*derivation.program.defined, *gradients)
    return tuple(name for name in order if name in found)


def work(derivation: Derivation, names: Iterable[str], sizes: Mapping[str, int]) -> int:
    """How many innermost steps the loops of some definitions take together, roughly."""
    steps = 0
    for name in names:
        definition = derivation.definition(name)
        if definition is not None:
            target, value = definition
            every = {*target.indices, *loops(value, sizes)}
            steps += prod(sizes[index.axis] for index in every)
    return steps


def places(shape: Iterable[int]) -> Iterator[Place]:
    """All positions of an array of the given shape, the last index running fastest."""
    return product(*map(range, shape))


_Scope = dict[Index, int]
_Code = Callable[[_Scope], S]


class _DeeperError(Exception):
    """An entry that has to be known first, found too deep in the stack to be worked out there."""

    def __init__(self, name: str, place: Place) -> None:
        super().__init__(name, place)
        self.name, self.place = name, place


class Pointwise(Generic[S]):
    """Entries of a derivation's tensors and gradients over a domain; each is worked out once.

    Args:
        derivation: the statements and the gradients.
        given: the scalar of an entry of an input or an upstream gradient.
        sizes: the size of each axis.
        domain: the scalars.
    """

    def __init__(
        self,
        derivation: Derivation,
        given: Callable[[str, Place], S],
        sizes: Mapping[str, int],
        domain: Domain[S],
    ) -> None:
        self._derivation = derivation
        self._given = given
        self._sizes = sizes
        self._domain = domain
        self._entries: dict[tuple[str, Place], S] = {}
        self._codes: dict[tuple[Term, bool], _Code[S]] = {}
        self._ties = Ties(derivation)
        # Whose definition is being turned into code.
        self._name = ""
        self._definitions: dict[str, tuple[tuple[Index, ...], _Code[S]] | None] = {}
        self._depth = 0

    def entry(self, name: str, place: Place) -> S:
        """One entry of a tensor or gradient.

        Raises:
            NoRuleError: something that it rests on has no value in the domain.
        """
        self._depth = 0
        waiting = [(name, place)]
        while waiting:
            try:
                self._entry(*waiting[-1])
                waiting.pop()
            except _DeeperError as deeper:
                self._depth = 0
                waiting.append((deeper.name, deeper.place))
        return self._entries[name, place]

    def _entry(self, name: str, place: Place) -> S:
        key = (name, place)
        found = self._entries.get(key)
        if found is not None:
            return found
        if name not in self._definitions:
            definition = self._derivation.definition(name)
            self._name = name
            self._definitions[name] = (
                None if definition is None else (definition[0].indices, self._code(definition[1]))
            )
        defined = self._definitions[name]
        if defined is None:
            value = self._given(name, place)
        elif self._depth >= _DEPTH:
            raise _DeeperError(name, place)
        else:
            indices, code = defined
            self._depth += 1
            value = code(dict(zip(indices, place, strict=True)))
            self._depth -= 1
        self._entries[key] = value
        return value

    # ------------------------------------------------------------ terms

    def _code(self, term: Term) -> _Code[S]:
        key = (term, self._ties.is_stated(self._name))
        found = self._codes.get(key)
        if found is None:
            found = self._make(term)
            if isinstance(term, (Binder, Softmax, Apply, Where)):
                found = _remembering(found, tuple(term.free))
            self._codes[key] = found
        return found

    def _make(self, term: Term) -> _Code[S]:
        domain = self._domain
        if isinstance(term, Entry):
            tensor, indices, fetch = term.tensor, term.indices, self._entry
            return lambda scope: fetch(tensor, tuple([scope[i] for i in indices]))
        if isinstance(term, Number):
            return _always(domain.number(term.value))
        if isinstance(term, Constant):
            return _always(domain.constant(term.name))
        if isinstance(term, Size):
            return _always(domain.number(Fraction(self._sizes[term.axis])))
        if isinstance(term, Delta):
            left, right = term.left, term.right
            same, other = domain.number(Fraction(1)), domain.number(Fraction(0))
            return lambda scope: same if scope[left] == scope[right] else other
        if isinstance(term, Add):
            parts = [self._code(part) for part in term.terms]
            return lambda scope: domain.total([part(scope) for part in parts])
        if isinstance(term, Mul):
            first, *rest = [self._code(factor) for factor in term.factors]

            def multiplied(scope: _Scope) -> S:
                value = first(scope)
                for factor in rest:
                    value = domain.mul(value, factor(scope))
                return value

            return multiplied
        if isinstance(term, Power):
            base, exponent = self._code(term.base), term.exponent
            return lambda scope: domain.power(base(scope), exponent)
        if isinstance(term, Sum):
            return self._sum(term)
        if isinstance(term, Apply):
            function, order, argument = term.function, term.order, self._code(term.argument)
            return lambda scope: self._applied(function, order, argument(scope))
        if isinstance(term, Softmax):
            return self._softmax(term)
        if isinstance(term, LogSumExp):
            return self._logsumexp(term)
        if isinstance(term, Match):
            return self._match(term)
        if isinstance(term, Where):
            return self._where(term)
        if isinstance(term, (Max, Product)):
            return self._max(term) if isinstance(term, Max) else self._product(term)
        if isinstance(term, Hardmax):
            return self._hardmax(term)
        raise TypeError(f"{type(term).__name__} has no entry by entry rule: a bug in backproof")

    def _sum(self, term: Sum) -> _Code[S]:
        domain, body = self._domain, self._code(term.body)
        matches = [
            (node, index, self._sizes[index.axis]) for node, index in settled_in(term, self._sizes)
        ]
        gone = {index for _, index, _ in matches}
        indices = [index for index in term.indices if index not in gone]
        ranges = [range(self._sizes[index.axis]) for index in indices]

        def summed(scope: _Scope) -> S:
            # A scope of its own: an inner sum may bind the same index again.
            inner = dict(scope)
            terms = []
            for values in product(*ranges):
                inner.update(zip(indices, values, strict=True))
                inside = True
                for node, index, length in matches:
                    inner[index], found = settled_place(node, index, inner, length)
                    inside = inside and found
                if inside:
                    terms.append(body(inner))
            return domain.total(terms)

        return summed

    def _match(self, term: Match) -> _Code[S]:
        one, zero = self._domain.number(Fraction(1)), self._domain.number(Fraction(0))
        left, offset, parts = term.left, term.offset, term.parts

        def matched(scope: _Scope) -> S:
            reached = offset + sum(factor * scope[i] for i, factor in parts)
            return one if scope[left] == reached else zero

        return matched

    def _where(self, term: Where) -> _Code[S]:
        domain = self._domain
        test, above, below = map(self._code, term.children)
        settled = self._ties.settled(self._name, tensors_in(term.test))

        def chosen(scope: _Scope) -> S:
            value = test(scope)
            side = domain.side(value, Fraction(0))
            if side > 0:
                return above(scope)
            if side < 0 or (settled and domain.is_zero(value)):
                return below(scope)
            return domain.hull(above(scope), below(scope))

        return chosen

    def _along(self, index: Index, body: _Code[S], scope: _Scope) -> list[S]:
        inner = dict(scope)
        values = []
        for position in range(self._sizes[index.axis]):
            inner[index] = position
            values.append(body(inner))
        return values

    def _softmax(self, term: Softmax) -> _Code[S]:
        domain, index, body = self._domain, term.index, self._code(term.body)
        return lambda scope: domain.softmax(self._along(index, body, scope), scope[index])

    def _logsumexp(self, term: LogSumExp) -> _Code[S]:
        domain, index, body = self._domain, term.index, self._code(term.body)

        def at(scope: _Scope) -> S:
            values = self._along(index, body, scope)
            return domain.logsumexp(values) if values else domain.undetermined()

        return at

    def _max(self, term: Max) -> _Code[S]:
        domain, index, body = self._domain, term.index, self._code(term.body)

        def at(scope: _Scope) -> S:
            values = self._along(index, body, scope)
            return domain.maximum(values) if values else domain.undetermined()

        return at

    def _product(self, term: Product) -> _Code[S]:
        domain, index, body = self._domain, term.index, self._code(term.body)

        def multiplied(scope: _Scope) -> S:
            value = domain.number(Fraction(1))
            for factor in self._along(index, body, scope):
                value = domain.mul(value, factor)
            return value

        return multiplied

    def _hardmax(self, term: Hardmax) -> _Code[S]:
        domain, index, body = self._domain, term.index, self._code(term.body)
        settled = self._ties.settled(self._name, tensors_in(term.body))

        def at(scope: _Scope) -> S:
            return domain.hardmax(self._along(index, body, scope), scope[term.at], settled)

        return at

    # ------------------------------------------------------------ functions

    def _applied(self, function: str, order: int, argument: S) -> S:
        if is_abstract(function):
            raise NoRuleError(f"{function} is an abstract function")
        value = self._by_formula(function, order, argument)
        if FUNCTIONS[function].definition is None:
            return value
        return self._domain.defined(argument, value)

    def _by_formula(self, function: str, order: int, argument: S) -> S:
        known = FUNCTIONS[function]
        if not known.kinks:
            simpler = formula(function, order)
            if simpler is None:
                return self._domain.smooth(function, argument)
            return self._scalar(simpler, argument)
        (kink,) = known.kinks
        side = self._domain.side(argument, kink)
        if side:
            return self._scalar(one_sided(function, order, side > 0), argument)
        if order > (0 if function in _JUMPS else 1):
            return self._domain.undetermined()
        lower, upper = self._domain.halves(argument, kink)
        return self._domain.hull(
            self._scalar(one_sided(function, order, False), lower),
            self._scalar(one_sided(function, order, True), upper),
        )

    def _scalar(self, term: Term, x: S) -> S:
        """A formula in ``X`` at a scalar."""
        domain = self._domain
        if term is X:
            return x
        if isinstance(term, Number):
            return domain.number(term.value)
        if isinstance(term, Constant):
            return domain.constant(term.name)
        if isinstance(term, Add):
            return domain.total([self._scalar(part, x) for part in term.terms])
        if isinstance(term, Mul):
            value = self._scalar(term.factors[0], x)
            for factor in term.factors[1:]:
                value = domain.mul(value, self._scalar(factor, x))
            return value
        if isinstance(term, Power):
            return domain.power(self._scalar(term.base, x), term.exponent)
        if isinstance(term, Apply):
            return self._applied(term.function, term.order, self._scalar(term.argument, x))
        raise TypeError(f"{type(term).__name__} has no place in a function's formula")


def _always(value: S) -> _Code[S]:
    return lambda _: value


def _remembering(code: _Code[S], free: tuple[Index, ...]) -> _Code[S]:
    known: dict[Place, S] = {}

    def once(scope: _Scope) -> S:
        key = tuple([scope[i] for i in free])
        found = known.get(key)
        if found is None:
            found = known[key] = code(scope)
        return found

    return once
