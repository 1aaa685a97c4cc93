"""The smallest case for which the two sides of a claim differ, in exact arithmetic."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from typing import Any

from backproof.spec.assumptions.assuming import function_stated
from backproof.spec.claims.reading import Claim
from backproof.spec.deadline import OutOfTimeError, check_time, no_time_limit, time_limit
from backproof.spec.deriving.expand import expand
from backproof.spec.functions import is_abstract, parted_at
from backproof.spec.normal_form.budget import TooLargeError
from backproof.spec.normal_form.normal import normalise
from backproof.spec.program import Assumption
from backproof.spec.terms import (
    ZERO,
    Apply,
    Entry,
    Hardmax,
    Index,
    Number,
    Power,
    Size,
    Term,
    Where,
    indices_in,
    negative,
    rebuild,
    walk,
)
from backproof.spec.values.exact_numbers import AtKinks, Continuous, Precision, TimedEvaluation
from backproof.spec.values.numbers import Balls, Rationals
from backproof.spec.values.pointwise import Evaluation, NoValueError, Numbers
from backproof.spec.values.stand_ins import (
    DEEP,
    IDENTITY,
    STAND_INS,
    Stand,
    coefficients_of,
    polynomial,
)
from backproof.spec.witnesses.fitting import Fitting, Key, holds, places
from backproof.spec.witnesses.points import (
    DRAWN,
    DRAWN_AGAIN,
    DRAWN_COARSE,
    DRAWN_IN_ALL,
    ENOUGH,
    FEW_SIZES,
    FILLS,
    Fill,
    Point,
    coarse,
    drawn,
    filled,
    longer_sizes,
    small_sizes,
)

Position = tuple[int, ...]


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


# In place of the value of a side that has none.
NO_VALUE = "no value"


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
            return WitnessSearch(claim).run(trials)
        except OutOfTimeError:
            return Search()


@dataclass(frozen=True)
class _Case:
    """A point to try, before any number in it is changed.

    Attributes:
        sizes: of each axis.
        fill: the numbers.
        stand: the functions.
        fit: whether to change numbers for the assumptions to hold.
        wanted: what else they are changed for.
    """

    sizes: dict[str, int]
    fill: Fill
    stand: Stand
    fit: bool
    wanted: tuple[Assumption, ...] = ()


# Combinations double with each argument at which something jumps.
MOST_PIECES = 3


def search_at_kinks(claim: Claim, seconds: float = 5.0) -> Search:
    """As ``search``, among points at which what jumps has its value there: a step of 0 is 0.

    Only for a claim about the forward pass: of a gradient every value between the one-sided ones
    counts there, and so none of them refutes.
    """
    if claim.left is None or claim.right is None:
        return Search()
    with time_limit(seconds):
        try:
            return _AtKinks(claim).run() if _is_of_forward_pass(claim) else Search()
        except OutOfTimeError:
            return Search()


# So many nodes of a condition are looked at for whether it is zero everywhere.
MOST_NODES = 200


def _without_void(claim: Claim, side: Term) -> Term:
    """A side without conditions on what is zero everywhere, such as a mask that is a gradient of 0.

    These have no border at which anything could jump.
    """

    def on(node: Term) -> Term:
        if isinstance(node, Where) and is_void(node.test):
            return on(node.below)
        return rebuild(node, on)

    def is_void(test: Term) -> bool:
        check_time()
        try:
            written = expand(claim.derivation, test)
            few = sum(1 for _ in islice(walk(written), MOST_NODES + 1)) <= MOST_NODES
            return few and normalise(written).is_zero
        except (TooLargeError, ArithmeticError, ValueError):
            return False

    try:
        return on(side) if any(isinstance(node, Where) for node in walk(side)) else side
    except RecursionError:
        return side


def _is_of_forward_pass(claim: Claim) -> bool:
    """Whether a claim speaks of no gradient and no derivative of what has a kink."""
    derivation = claim.derivation
    pending = [side for side in (claim.left, claim.right, *claim.parts) if side is not None]
    seen: set[str] = set()
    while pending:
        for node in walk(pending.pop()):
            check_time()
            if isinstance(node, Hardmax) or (isinstance(node, Apply) and node.order):
                return False
            if isinstance(node, Entry) and node.tensor not in seen:
                seen.add(node.tensor)
                statement = derivation.program.statement(node.tensor)
                if statement is not None:
                    pending.append(statement.value)
                elif derivation.definition(node.tensor) is not None:
                    return False
    return True


class WitnessSearch:
    """Tries the cases of a claim one by one.

    Attributes:
        exact: the rationals in which they are tried.
        every: all the numbers in which they are.
        signs: those of what something jumps at.
    """

    exact: type[Rationals] = Continuous
    every: tuple[type[Rationals | Balls], ...] = (Continuous, Balls)
    signs: tuple[str, ...] = (">", "<")

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        assert claim.left is not None
        assert claim.right is not None
        self.left, self.right = (_without_void(claim, s) for s in (claim.left, claim.right))
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
            coefficients = None if known is None else coefficients_of(known[2], known[1])
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
                check_time()
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
            for case in islice(self._cases(), trials):
                check_time()
                sizes, stand = case.sizes, case.stand
                point = self._point(case)
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

    def _cases(self) -> Iterator[_Case]:
        turns = itertools.count()
        # Regular numbers that meet the assumptions as they are come first.
        for sizes in self._sizes(small_sizes):
            for fit in (False, True) if self.assumptions else (False,):
                for fill in FILLS:
                    for stand in self._stands():
                        yield _Case(sizes, fill, stand, fit)
            for stand in self._stands():
                yield _Case(sizes, drawn(next(turns)), stand, True)
        yield from self._on_pieces()
        for choices, least in ((small_sizes, DRAWN_IN_ALL), (longer_sizes, 0)):
            every = list(self._sizes(choices))
            for sizes in every:
                for stand in self._stands():
                    for _ in range(max(DRAWN, least // len(every))):
                        yield _Case(sizes, drawn(next(turns)), stand, True)
        # Where hardly any point has values, many are needed to meet one.
        for sizes in islice(self._sizes(small_sizes), FEW_SIZES):
            for stand in self._stands():
                for _ in range(DRAWN_AGAIN if self.agreed < ENOUGH else 0):
                    yield _Case(sizes, drawn(next(turns)), stand, True)

    def _on_pieces(self) -> Iterator[_Case]:
        """Points at which what jumps is on either side of where it does, in every combination."""
        nodes = (node for side in (self.left, self.right) for node in walk(side))
        arguments = [at for at in map(parted_at, nodes) if at is not None]
        found = list(dict.fromkeys(arguments))[:MOST_PIECES]
        for sizes in islice(self._sizes(small_sizes), FEW_SIZES if found else 0):
            for signs in product(self.signs, repeat=len(found)):
                wanted = tuple(map(_of_sign, signs, found))
                for fill, stand in product(FILLS, self._stands()):
                    yield _Case(sizes, fill, stand, True, wanted)

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
        stands = STAND_INS if len(self.program.statements) < DEEP else (IDENTITY, *STAND_INS)
        for shift in range(len(stands) if names else 1):
            chosen = {f: stands[(k + shift) % len(stands)] for k, f in enumerate(names)}
            yield chosen | self.stated

    def _point(self, case: _Case) -> Point:
        shapes = {name: [case.sizes[a] for a in axes] for name, axes in self.given.items()}
        point = filled(shapes, case.fill)
        wanted = [*self.assumptions, *case.wanted]
        if not wanted or not case.fit:
            return point

        def evaluate(at: Point, read: Callable[[Key], object]) -> Evaluation[Fraction]:
            return self._evaluation(case.sizes, at, case.stand, Continuous(), read)

        return Fitting(wanted, evaluate).fitted(point)

    # -- evaluation

    def compared(
        self, sizes: Mapping[str, int], point: Point, stand: Stand
    ) -> tuple[Numbers[Any] | None, Position | None]:
        """The numbers in which both sides have values, and the first position of a difference."""
        for numbers in (kind() for kind in self.every):
            try:
                left, right = self._sides(sizes, point, stand, numbers)
            except (NoValueError, RecursionError):
                continue
            return numbers, self._first_difference(numbers, left, right)
        return None, None

    def _first_difference(
        self, numbers: Numbers[Any], left: Mapping[Position, Any], right: Mapping[Position, Any]
    ) -> Position | None:
        with Precision(numbers):
            for position, value in left.items():
                if isinstance(numbers, Rationals):
                    if value != right[position]:
                        return position
                elif not (value - right[position]).contains(0):
                    return position
        return None

    def _sides(
        self, sizes: Mapping[str, int], point: Point, stand: Stand, numbers: Numbers[Any]
    ) -> tuple[dict[Position, Any], dict[Position, Any]]:
        self._check_assumptions(sizes, point, stand)
        with Precision(numbers):
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
        evaluation = self._evaluation(sizes, point, stand, Continuous())
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
            check_time()
            if read is not None:
                read((name, position))
            return numbers.number(point[name, position])

        functions = {f: polynomial(c, numbers) for f, (_, c) in stand.items()}
        return TimedEvaluation(self.claim.derivation, numbers, sizes, given, functions)

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
        try:
            exact = self.exact()
            left, right = self._sides(sizes, point, stand, exact)
            position = self._first_difference(exact, left, right)
            assert position is not None
            shown = [_exact(left[position]), _exact(right[position])]
            shape = [sizes[i.axis] for i in self.claim.indices]
            arrays = [_nested(shape, side) for side in (left, right)]
        except (NoValueError, ValueError):
            # No rational, or one with more digits than Python writes.
            balls = Balls()
            left, right = self._sides(sizes, point, stand, balls)
            position = self._first_difference(balls, left, right)
            assert position is not None
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
        entries: dict[str, dict[Position, Fraction]] = {name: {} for name in self.given}
        for (name, at), value in point.items():
            entries[name][at] = value
        inputs = {
            name: _nested([sizes[a] for a in axes], entries[name])
            for name, axes in sorted(self.given.items())
        }
        functions = {f: f"{f}(z) = {text}" for f, (text, _) in stand.items()}
        used = {a: s for a, s in sizes.items() if self._matters(a)}
        return Witness(used, inputs, functions, position, left, right, left_array, right_array)


class _AtKinks(WitnessSearch):
    """Tries points at which something jumps, too."""

    exact = AtKinks
    every = (AtKinks,)
    signs = ("=", ">", "<")

    def _cases(self) -> Iterator[_Case]:
        turns = itertools.count()
        for sizes in self._sizes(small_sizes):
            for stand in self._stands():
                for _ in range(DRAWN_COARSE):
                    yield _Case(sizes, coarse(next(turns)), stand, True)
        yield from super()._cases()


def _of_sign(sign: str, argument: Term) -> Assumption:
    """That a term has a sign, or is zero."""
    return Assumption(
        negative(argument) if sign == "<" else argument, ZERO, "", "=" if sign == "=" else ">"
    )


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


def _exact(value: Fraction) -> str:
    return str(value)


def _nested(shape: list[int], values: Mapping[tuple[int, ...], Any]) -> Any:
    def on(prefix: tuple[int, ...], rest: list[int]) -> Any:
        if not rest:
            return values[prefix]
        return [on((*prefix, k), rest[1:]) for k in range(rest[0])]

    return on((), shape)
