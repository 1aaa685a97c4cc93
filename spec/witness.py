"""The smallest case for which the two sides of a claim differ, in exact arithmetic."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from typing import Any

from backproof.spec.assuming import function_stated
from backproof.spec.claims import Claim
from backproof.spec.deadline import OutOfTimeError, check_time, no_time_limit, time_limit
from backproof.spec.expand import expand
from backproof.spec.fitting import Fitting, Key, holds, places
from backproof.spec.functions import is_abstract
from backproof.spec.normal import TooLargeError, normalise
from backproof.spec.numbers import Balls, Rationals
from backproof.spec.points import (
    DRAWN,
    DRAWN_AGAIN,
    ENOUGH,
    FEW_SIZES,
    FILLS,
    Fill,
    Point,
    drawn,
    filled,
    longer_sizes,
    small_sizes,
)
from backproof.spec.pointwise import Evaluation, NoValueError, Numbers
from backproof.spec.program import Assumption
from backproof.spec.terms import (
    ZERO,
    Apply,
    Entry,
    Index,
    Number,
    Power,
    Size,
    Term,
    indices_in,
    walk,
)

Position = tuple[int, ...]
# What an abstract function is taken to be: in words, and its coefficients from the constant up.
Stand = dict[str, tuple[str, tuple[Fraction, ...]]]


@dataclass(frozen=True)
class Witness:
    """Sizes and inputs for which the sides differ.

    Attributes:
        sizes: of each axis.
        inputs: nested lists of rationals, by name.
        functions: what the abstract functions were taken to be, such as ``z^2``.
        position: the entry at which the sides differ, counted from 0.
        left: the left side there, exact or as an enclosure.
        right: the right side there.
        left_array: the whole left side, where it is rational.
        right_array: the whole right side, where it is rational.
    """

    sizes: Mapping[str, int]
    inputs: Mapping[str, Any]
    functions: Mapping[str, str]
    position: tuple[int, ...]
    left: str
    right: str
    left_array: Any = None
    right_array: Any = None


def _polynomial(
    coefficients: tuple[Fraction, ...], numbers: Numbers[Any]
) -> Callable[[int, Any], Any]:
    """The derivative of a given order of a polynomial, coefficients from the constant up."""

    def value(order: int, z: Any) -> Any:
        result = numbers.number(Fraction(0))
        for power_, coefficient in enumerate(coefficients):
            if power_ < order:
                continue
            factor = Fraction(coefficient)
            for k in range(order):
                factor *= power_ - k
            term = numbers.mul(numbers.number(factor), numbers.power(z, Fraction(power_ - order)))
            result = numbers.add(result, term)
        return result

    return value


# What an abstract function may stand for.
_STANDS = tuple(
    (text, tuple(map(Fraction, coefficients)))
    for text, coefficients in (("z^2", (0, 0, 1)), ("z^3", (0, 0, 0, 1)), ("z^2 + z", (0, 1, 1)))
)


# Squared again and again, numbers grow past all bounds: in a deep program z itself is tried.
_IDENTITY = ("z", (Fraction(0), Fraction(1)))
DEEP = 20


@dataclass(frozen=True)
class Search:
    """What a search for a witness found.

    Attributes:
        witness: the first case that differs; None if none did.
        agreed: at how many points both sides had values and did not differ.
        largest: the largest size among these.
        exact: whether they were equal rationals at all of them; else some could not be told apart.
        tried: how many points were tried.
    """

    witness: Witness | None = None
    agreed: int = 0
    largest: int = 0
    exact: bool = True
    tried: int = 0

    @property
    def shown(self) -> str:
        """What was seen at the points that were tried, in words."""
        if not self.tried:
            return "no point was tried"
        if not self.agreed:
            return "neither side has a value at any point that was tried"
        how = "they agree" if self.exact else "they cannot be told apart"
        points = "1 point" if self.agreed == 1 else f"{self.agreed} points"
        return f"{how} at {points} of sizes up to {self.largest}"


def find_witness(claim: Claim, seconds: float = 5.0, trials: int | None = None) -> Witness | None:
    """The first case that differs, sizes and then numbers from small to large; None if none did.

    Deterministic, apart from the limit of time.

    Args:
        claim: what is claimed.
        seconds: how long to look.
        trials: how many cases to try at most.
    """
    return search(claim, seconds, trials).witness


def search(claim: Claim, seconds: float = 5.0, trials: int | None = None) -> Search:
    """As ``find_witness``, with what was seen where there is none."""
    if claim.left is None or claim.right is None:
        return Search()
    with time_limit(seconds):
        try:
            return _Search(claim).run(trials)
        except OutOfTimeError:
            return Search()


def find_exception(claim: Claim, zero: Term, seconds: float = 1.0) -> Witness | None:
    """A case in which a term is zero and the sides differ, or only one of them has a value.

    It shows that a claim that holds where the term is not zero needs that. A step is 0 where its
    argument is.
    """
    if claim.left is None or claim.right is None:
        return None
    with time_limit(seconds):
        try:
            return _Exceptions(claim, zero).run(EXCEPTIONS).witness
        except (OutOfTimeError, RecursionError):
            return None


EXCEPTIONS = 40
# In place of the value of a side that has none.
NO_VALUE = "no value"


class _Search:
    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        assert claim.left is not None
        assert claim.right is not None
        self.left, self.right = claim.left, claim.right
        self.program = claim.derivation.program
        self.used = {i.axis for i in claim.indices}
        self.partial = self._partial()
        self.stated = self._stated()
        self.given = self._needed()
        self.axes = sorted({*self.program.axes, *self.used})
        self.assumptions = [a for a in self.program.assumptions if not self._proved(a)]
        self.merged = {right: left for left, right in claim.merged}
        # At how many points both sides had values and did not differ.
        self.agreed = 0

    def _partial(self) -> list[str]:
        """The tensors whose statements have logarithms, roots or denominators."""
        return [s.target.tensor for s in self.program.statements if _is_partial(s.value)]

    def _stated(self) -> Stand:
        """The functions that an assumption gives as polynomials."""
        found: Stand = {}
        for assumption in self.program.assumptions:
            known = function_stated(assumption, self.program)
            coefficients = None if known is None else _coefficients(known[2], known[1])
            if known is not None and coefficients is not None:
                text = assumption.text.partition("=")[2].strip()
                found[known[0]] = (text, coefficients)
        return found

    def _needed(self) -> dict[str, tuple[str, ...]]:
        """The inputs and upstream gradients that the two sides depend on, with their axes."""
        derivation = self.claim.derivation
        found: dict[str, tuple[str, ...]] = {}
        self.functions: set[str] = set()
        pending = [self.left, self.right, *self.claim.parts, *self._other_terms()]
        pending += [s.value for s in self.program.statements if s.target.tensor in self.partial]
        abstract, seen = self._abstract(), set[str]()
        while pending:
            term = pending.pop()
            self.used |= {i.axis for i in indices_in(term)}
            for node in walk(term):
                if isinstance(node, Size):
                    self.used.add(node.axis)
                if isinstance(node, Apply) and node.function in abstract:
                    self.functions.add(node.function)
                if isinstance(node, Entry) and node.tensor not in seen:
                    seen.add(node.tensor)
                    definition = derivation.definition(node.tensor)
                    if definition is None:
                        found[node.tensor] = tuple(i.axis for i in node.indices)
                    else:
                        pending.append(definition[1])
        return found

    def _other_terms(self) -> list[Term]:
        """What has to have a value besides the two sides."""
        return [side for a in self.program.assumptions for side in (a.left, a.right)]

    def _abstract(self) -> set[str]:
        names = set(self.program.functions)
        for side in (self.left, self.right):
            names |= {
                n.function for n in walk(side) if isinstance(n, Apply) and is_abstract(n.function)
            }
        return names

    def _proved(self, assumption: Assumption) -> bool:
        """Whether an assumption holds at every point and need not be looked after."""
        derivation = self.claim.derivation
        if not assumption.is_equation:
            return False
        try:
            sides = [
                normalise(expand(derivation, side)) for side in (assumption.left, assumption.right)
            ]
        except (TooLargeError, ArithmeticError, ValueError):
            return False
        return sides[0] == sides[1]

    # -- candidates

    def run(self, trials: int | None = None) -> Search:
        largest, exact, tried = 0, True, 0
        try:
            for sizes, fill, stand, fit in islice(self._cases(), trials):
                check_time()
                point = self._point(sizes, fill, stand, fit)
                witness, has_value, is_exact = self._tried(sizes, point, stand)
                tried += 1
                if witness is not None:
                    return Search(witness)
                if has_value:
                    self.agreed += 1
                    largest = max([largest, *(sizes[a] for a in self.axes if self._matters(a))])
                    exact = exact and is_exact
        except OutOfTimeError:
            pass
        return Search(None, self.agreed, largest, exact, tried)

    def _tried(
        self, sizes: Mapping[str, int], point: Point, stand: Stand
    ) -> tuple[Witness | None, bool, bool]:
        """A witness if there is one here; whether both sides have values; whether exact ones."""
        numbers, position = self.compared(sizes, point, stand)
        if position is not None:
            return self._simplest(sizes, point, stand), True, True
        return None, numbers is not None, isinstance(numbers, Rationals)

    def _cases(self) -> Iterator[tuple[dict[str, int], Fill, Stand, bool]]:
        """Sizes, numbers, functions, and whether to change numbers for assumptions to hold."""
        # Regular numbers that meet the assumptions as they are come first.
        for sizes in self._sizes(small_sizes):
            for fit in (False, True) if self.assumptions else (False,):
                for fill in FILLS:
                    for stand in self._stands():
                        yield sizes, fill, stand, fit
        turns = itertools.count()
        for choices in (small_sizes, longer_sizes):
            for sizes in self._sizes(choices):
                for stand in self._stands():
                    for _ in range(DRAWN):
                        yield sizes, drawn(next(turns)), stand, True
        # Where hardly any point has values, many are needed to meet one.
        for sizes in islice(self._sizes(small_sizes), FEW_SIZES):
            for stand in self._stands():
                for _ in range(DRAWN_AGAIN if self.agreed < ENOUGH else 0):
                    yield sizes, drawn(next(turns)), stand, True

    def _sizes(self, choices: Callable[[int], list[tuple[int, ...]]]) -> Iterator[dict[str, int]]:
        roots = self._roots()
        free = [a for a in self.axes if a in roots]
        stated = self._stated_sizes()
        seen: set[tuple[int, ...]] = set()
        for chosen in choices(len(free)):
            sizes = dict(zip(free, chosen, strict=True)) | stated
            found = {axis: sizes.get(self._root(axis), 1) for axis in self.axes}
            found = self.program.consistent(found)
            key = tuple(found[axis] for axis in self.axes)
            one = all(found[axis] == found[self._root(axis)] for axis in self.axes)
            if key not in seen and one and self._sizes_fit(found):
                seen.add(key)
                yield found

    def _stated_sizes(self) -> dict[str, int]:
        """The sizes that an assumption gives as numbers, such as size(n) = 10."""
        found: dict[str, int] = {}
        for a in self.assumptions:
            for one, other in ((a.left, a.right), (a.right, a.left)):
                if a.is_equation and isinstance(one, Size) and isinstance(other, Number):
                    found[self._root(one.axis)] = max(1, int(other.value))
        return found

    def _sizes_fit(self, sizes: Mapping[str, int]) -> bool:
        """Whether the assumptions that speak of sizes alone hold."""
        evaluation = self._evaluation(sizes, {}, {}, Rationals())
        of_sizes = [a for a in self.assumptions if _is_of_sizes(a.left) and _is_of_sizes(a.right)]
        try:
            return all(holds(a, evaluation, {}) for a in of_sizes)
        except NoValueError:
            return False

    def _root(self, axis: str) -> str:
        while axis in self.merged:
            axis = self.merged[axis]
        return axis

    def _roots(self) -> set[str]:
        return {self._root(axis) for axis in self.used}

    def _matters(self, axis: str) -> bool:
        return self._root(axis) in self._roots()

    def _stands(self) -> Iterator[Stand]:
        names = sorted(self.functions - self.stated.keys())
        stands = _STANDS if len(self.program.statements) < DEEP else (_IDENTITY, *_STANDS)
        for shift in range(len(stands) if names else 1):
            chosen = {f: stands[(k + shift) % len(stands)] for k, f in enumerate(names)}
            yield chosen | self.stated

    def _point(self, sizes: Mapping[str, int], fill: Fill, stand: Stand, fit: bool) -> Point:
        shapes = {name: [sizes[a] for a in axes] for name, axes in self.given.items()}
        point = filled(shapes, fill)
        if not self.assumptions or not fit:
            return point

        def evaluate(at: Point, read: Callable[[Key], None]) -> Evaluation[Fraction]:
            return self._evaluation(sizes, at, stand, Rationals(), read)

        return Fitting(self.assumptions, evaluate).fitted(point)

    # -- evaluation

    def compared(
        self, sizes: Mapping[str, int], point: Point, stand: Stand
    ) -> tuple[Numbers[Any] | None, Position | None]:
        """The numbers in which both sides have values, and the first position of a difference."""
        for numbers in (_Continuous(), Balls()):
            try:
                left, right = self._sides(sizes, point, stand, numbers)
            except (NoValueError, RecursionError):
                continue
            with _Precision(numbers):
                for position, value in left.items():
                    if isinstance(numbers, Rationals):
                        if value != right[position]:
                            return numbers, position
                    elif not (value - right[position]).contains(0):
                        return numbers, position
            return numbers, None
        return None, None

    def _sides(
        self, sizes: Mapping[str, int], point: Point, stand: Stand, numbers: Numbers[Any]
    ) -> tuple[dict[Position, Any], dict[Position, Any]]:
        self._check_assumptions(sizes, point, stand)
        with _Precision(numbers):
            evaluation = self._evaluation(sizes, point, stand, numbers)
            sides: tuple[dict[Position, Any], dict[Position, Any]] = ({}, {})
            for position, at in self._places(self.claim.indices, sizes):
                sides[0][position] = evaluation.term(self.left, at)
                sides[1][position] = evaluation.term(self.right, at)
            self._check_domain(evaluation)
        return sides

    def _check_assumptions(self, sizes: Mapping[str, int], point: Point, stand: Stand) -> None:
        """Hold a point against the assumptions, exactly: a ball can't say that it is zero.

        Raises:
            NoValueError: one does not hold, or is not rational.
        """
        if not self.assumptions:
            return
        evaluation = self._evaluation(sizes, point, stand, _Continuous())
        for assumption in self.assumptions:
            if not all(holds(assumption, evaluation, at) for at in places(assumption, evaluation)):
                raise NoValueError("an assumption does not hold here")

    def _places(
        self, indices: Sequence[Index], sizes: Mapping[str, int]
    ) -> Iterator[tuple[Position, dict[Index, int]]]:
        for position in product(*(range(sizes[i.axis]) for i in indices)):
            yield position, dict(zip(indices, position, strict=True))

    def _check_domain(self, evaluation: Evaluation[Any]) -> None:
        """Where the layer itself has no value, a difference of its gradients says nothing.

        Nor does one where a part of the claim has none that is written but plays no role.

        Raises:
            NoValueError: a statement that is not defined everywhere has no value here.
        """
        for tensor in self.partial:
            shape = self.program.shape(tensor, evaluation.sizes)
            for position in product(*map(range, shape)):
                evaluation.entry(tensor, position)
        for part in self.claim.parts:
            for _, at in self._places(sorted(part.free), evaluation.sizes):
                evaluation.term(part, at)

    def _evaluation(
        self,
        sizes: Mapping[str, int],
        point: Point,
        stand: Stand,
        numbers: Numbers[Any],
        read: Callable[[Key], object] | None = None,
    ) -> Evaluation[Any]:
        def given(name: str, position: Position) -> Any:
            if read is not None:
                read((name, position))
            return numbers.number(point[name, position])

        functions = {f: _polynomial(c, numbers) for f, (_, c) in stand.items()}
        return _Timed(self.claim.derivation, numbers, sizes, given, functions)

    # -- presentation

    def _simplest(self, sizes: Mapping[str, int], point: Point, stand: Stand) -> Witness:
        """Replace numbers by 0 or 1 wherever the sides still differ."""
        try:
            for key in sorted(point):
                for value in (Fraction(0), Fraction(1)):
                    if point[key] == value:
                        break
                    check_time()
                    simpler = {**point, key: value}
                    if self.compared(sizes, simpler, stand)[1] is not None:
                        point = simpler
                        break
        except OutOfTimeError:
            pass
        # What was found is shown, whether or not there is time left.
        with no_time_limit():
            return self._shown(sizes, point, stand)

    def _shown(self, sizes: Mapping[str, int], point: Point, stand: Stand) -> Witness:
        _, position = self.compared(sizes, point, stand)
        assert position is not None
        try:
            left, right = self._sides(sizes, point, stand, _Continuous())
            shown = [_exact(left[position]), _exact(right[position])]
            shape = [sizes[i.axis] for i in self.claim.indices]
            arrays = [_nested(shape, side) for side in (left, right)]
        except (NoValueError, ValueError):
            # No rational, or one with more digits than Python writes.
            left, right = self._sides(sizes, point, stand, Balls())
            shown = [left[position].str(12, radius=False), right[position].str(12, radius=False)]
            arrays = [None, None]
        return self._witness(sizes, point, stand, position, *shown, *arrays)

    def _witness(
        self,
        sizes: Mapping[str, int],
        point: Point,
        stand: Stand,
        position: Position,
        left: str,
        right: str,
        left_array: Any = None,
        right_array: Any = None,
    ) -> Witness:
        inputs = {
            name: _nested(
                [sizes[a] for a in axes],
                {p: v for (n, p), v in point.items() if n == name},
            )
            for name, axes in sorted(self.given.items())
        }
        functions = {f: f"{f}(z) = {text}" for f, (text, _) in stand.items()}
        used = {a: s for a, s in sizes.items() if self._matters(a)}
        return Witness(used, inputs, functions, position, left, right, left_array, right_array)


def _is_partial(value: Term) -> bool:
    """Whether a term has no value at some points: logarithms, roots and denominators."""
    return any(
        (isinstance(n, Apply) and n.function in ("log", "sqrt"))
        or (isinstance(n, Power) and (n.exponent < 0 or n.exponent.denominator != 1))
        for n in walk(value)
        if not isinstance(n, Power) or any(isinstance(x, Entry) for x in walk(n))
    )


def _is_of_sizes(term: Term) -> bool:
    return not any(isinstance(node, (Entry, Apply)) for node in walk(term)) and not term.free


def _coefficients(value: Term, argument: Term) -> tuple[Fraction, ...] | None:
    """The coefficients of a polynomial in an argument, from the constant up; None for others."""
    try:
        terms = normalise(value).terms
    except (TooLargeError, ArithmeticError, ValueError):
        return None
    (atom,) = {a for m in normalise(argument).terms for a, _ in m}
    found: dict[int, Fraction] = {}
    for monomial, coefficient in terms.items():
        powers = dict(monomial)
        exponent = powers.pop(atom, Fraction(0))
        if powers or exponent < 0 or exponent.denominator != 1:
            return None
        found[int(exponent)] = coefficient
    return tuple(found.get(k, Fraction(0)) for k in range(max(found, default=0) + 1))


# ---------------------------------------------------------------- where a condition fails


class _Continuous(Rationals):
    """Rationals in which what is continuous has a value at its kinks."""

    def function(self, name: str, argument: Fraction) -> Fraction:
        if argument == 0 and name in ("relu", "abs"):
            return argument
        return super().function(name, argument)


class _UndefinedError(NoValueError):
    """There is no value at all, as against none that a rational number is."""


class _AtKinks(Rationals):
    """Rationals that tell what has no value at all; a step is 0 where its argument is."""

    def power(self, base: Fraction, exponent: Fraction) -> Fraction:
        if (base == 0 and exponent < 0) or (base < 0 and exponent.denominator % 2 == 0):
            raise _UndefinedError("no value")
        return super().power(base, exponent)

    def is_positive(self, value: Fraction) -> bool:
        return value > 0

    def function(self, name: str, argument: Fraction) -> Fraction:
        if name == "log" and argument <= 0:
            raise _UndefinedError("no value")
        if argument == 0 and name in ("relu", "step", "abs", "sign"):
            return Fraction(0)
        return super().function(name, argument)


class _Exceptions(_Search):
    """Looks where a term is zero."""

    def __init__(self, claim: Claim, zero: Term) -> None:
        self.zero = Assumption(zero, ZERO, "")
        super().__init__(claim)
        self.assumptions.append(self.zero)

    def _other_terms(self) -> list[Term]:
        return [*super()._other_terms(), self.zero.left]

    def _tried(
        self, sizes: Mapping[str, int], point: Point, stand: Stand
    ) -> tuple[Witness | None, bool, bool]:
        try:
            self._check_assumptions(sizes, point, stand)
            evaluation = self._evaluation(sizes, point, stand, _AtKinks())
            for position, at in self._places(self.claim.indices, sizes):
                left, right = (self._value(evaluation, s, at) for s in (self.left, self.right))
                if left != right:
                    shown = [NO_VALUE if v is None else _exact(v) for v in (left, right)]
                    witness = self._witness(sizes, point, stand, position, *shown)
                    return witness, True, True
        except NoValueError:
            return None, False, True
        return None, True, True

    def _value(
        self, evaluation: Evaluation[Fraction], side: Term, at: Mapping[Index, int]
    ) -> Fraction | None:
        try:
            return evaluation.term(side, at)
        except _UndefinedError:
            return None


class _Timed(Evaluation[Any]):
    """An evaluation that gives up when its time is over: sums over many indices can be long."""

    def _over(
        self, indices: tuple[Index, ...], at: Mapping[Index, int]
    ) -> Iterator[Mapping[Index, int]]:
        for point in super()._over(indices, at):
            check_time()
            yield point


class _Precision:
    """The precision of ball arithmetic while an evaluation runs."""

    def __init__(self, numbers: Any) -> None:
        self.bits = numbers.bits if isinstance(numbers, Balls) else None

    def __enter__(self) -> None:
        if self.bits is not None:
            import flint

            self.before = flint.ctx.prec
            flint.ctx.prec = self.bits

    def __exit__(self, *_: object) -> None:
        if self.bits is not None:
            import flint

            flint.ctx.prec = self.before


def _exact(value: Fraction) -> str:
    return str(value)


def _nested(shape: list[int], values: Mapping[tuple[int, ...], Any]) -> Any:
    def on(prefix: tuple[int, ...], rest: list[int]) -> Any:
        if not rest:
            return values[prefix]
        return [on((*prefix, k), rest[1:]) for k in range(rest[0])]

    return on((), shape)
