"""A program's tensors in a dtype, every choice that leaves the mathematics random.

Each tensor's entries are computed as a program would, in the format, from its own values of what
comes before; but sums are added in random trees, products multiplied in random orders, and products
of sums multiplied out or not by the toss of a coin. At a kink any derivative is taken.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from backproof.oracles.decide import State, decide
from backproof.oracles.outcome import axis_sizes
from backproof.oracles.reference import reference
from backproof.spec.functions import formula
from backproof.spec.layer import Spec
from backproof.spec.plan import is_scalar
from backproof.spec.terms import (
    ZERO,
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
    mul,
    tensors_in,
    walk,
)

Environment = Mapping[Index, int]
Products = list[list[np.floating]]

DTYPES = (np.float64, np.float32, np.float16)


@dataclass(frozen=True)
class Factor:
    """What a product runs over."""

    index: Index
    body: Term


def without_one(term: Product) -> tuple[Delta, Term] | None:
    """The delta and the factor of a product of all factors but one: delta + (1 - delta)*x."""
    if not isinstance(term.body, Add) or not isinstance(term.body.terms[0], Delta):
        return None
    delta, rest = term.body.terms
    if not isinstance(rest, Mul):
        return None
    return delta, mul(*(f for f in rest.factors if delta not in walk(f)))


class RandomOrder:
    """Computes a program's tensors in a dtype, every choice that leaves the mathematics random."""

    def __init__(self, spec: Spec, inputs: Mapping[str, np.ndarray], dtype, rng) -> None:
        self.derivation = spec.derivation
        self.stated = True
        self.dtype = dtype
        self.rng = rng
        self.arrays = dict(inputs)
        self.sizes = axis_sizes(spec.derivation, inputs)
        gradients = spec.derivation.gradients
        # What only selects, such as a mask, has no kink: its tests are what the statement says.
        self.masks = {
            name for name in inputs if name in gradients and gradients[name].value is ZERO
        }

    def coin(self) -> bool:
        return bool(self.rng.random() < 0.5)

    def array(self, name: str) -> np.ndarray:
        if name not in self.arrays:
            target, value = self.derivation.definition(name)
            shape = tuple(self.sizes[i.axis] for i in target.indices)
            found = np.zeros(shape, self.dtype)
            for used in tensors_in(value):
                self.array(used)
            self.stated = name in self.derivation.program.tensors
            for place in np.ndindex(shape):
                found[place] = self.number(value, dict(zip(target.indices, place, strict=True)))
            self.arrays[name] = found
        return self.arrays[name]

    def number(self, term: Term, environment: Environment) -> np.floating:
        return self.sum([self.product(p) for p in self.expanded(term, environment)])

    def sum(self, values: list[np.floating]) -> np.floating:
        values = list(values) or [self.dtype(0)]
        style = self.rng.integers(3)
        if style == 0:
            self.rng.shuffle(values)
        while len(values) > 1:
            if style < 2:
                # In a row, forwards or shuffled.
                values[:2] = [self.dtype(values[0] + values[1])]
            else:
                k = int(self.rng.integers(len(values) - 1))
                values[k : k + 2] = [self.dtype(values[k] + values[k + 1])]
        return values[0]

    def product(self, factors: list[np.floating]) -> np.floating:
        factors = list(factors) or [self.dtype(1)]
        while len(factors) > 1:
            i, j = sorted(int(k) for k in self.rng.choice(len(factors), 2, replace=False))
            right = factors.pop(j)
            left = factors.pop(i)
            factors.append(self.dtype(left * right))
        return factors[0]

    def expanded(self, term: Term, environment: Environment) -> Products:
        """The term as a sum of products, partly worked out."""
        if is_scalar(term):
            return [self.constant(term)]
        if isinstance(term, Add):
            parts = [p for t in term.terms for p in self.expanded(t, environment)]
            return parts if self.coin() else [[self.sum([self.product(p) for p in parts])]]
        if isinstance(term, Sum):
            parts = [
                p
                for place in self.places(term.indices)
                if matches(term.body, {**environment, **place})
                for p in self.expanded(term.body, {**environment, **place})
            ]
            return parts if self.coin() else [[self.sum([self.product(p) for p in parts])]]
        if isinstance(term, Where):
            return self.expanded(self.branch(term, environment), environment)
        if isinstance(term, Mul):
            factors = [self.expanded(f, environment) for f in term.factors]
        elif isinstance(term, Power) and term.exponent.denominator == 1 and 0 < term.exponent <= 3:
            factors = [self.expanded(term.base, environment)] * term.exponent.numerator
        else:
            return [[self.atom(term, environment)]]
        if self.coin():
            factors = [[[self.sum([self.product(p) for p in f])]] for f in factors]
        return [list(itertools.chain(*choice)) for choice in itertools.product(*factors)]

    def places(self, indices: tuple[Index, ...]) -> Iterator[dict[Index, int]]:
        for place in np.ndindex(*(self.sizes[i.axis] for i in indices)):
            yield dict(zip(indices, place, strict=True))

    def constant(self, term: Term) -> list[np.floating]:
        """A number from sizes, as factors."""
        if isinstance(term, Mul) and self.coin():
            return [f for t in term.factors for f in self.constant(t)]
        return [self.dtype(float(exact_scalar(term, self.sizes)))]

    def atom(self, term: Term, environment: Environment) -> np.floating:
        if isinstance(term, Entry):
            return self.array(term.tensor)[tuple(environment[i] for i in term.indices)]
        if isinstance(term, Delta):
            return self.dtype(environment[term.left] == environment[term.right])
        if isinstance(term, Match):
            reached = term.offset + sum(factor * environment[i] for i, factor in term.parts)
            return self.dtype(environment[term.left] == reached)
        if isinstance(term, Product):
            return self.product_over(term, environment)
        if isinstance(term, Max):
            return max(self.values(term, environment))
        if isinstance(term, Hardmax):
            return self.hardmax(self.values(term, environment), environment[term.at])
        if isinstance(term, Apply):
            return self.function(term, environment)
        if isinstance(term, Power):
            base = self.number(term.base, environment)
            if term.exponent == -1:
                return self.dtype(1) / base
            if term.exponent.denominator == 2 and abs(term.exponent) != Fraction(1, 2):
                root = np.sqrt(base)
                power = self.product([root] * abs(term.exponent.numerator))
                return power if term.exponent > 0 else self.dtype(1) / power
            if abs(term.exponent) == Fraction(1, 2):
                root = np.sqrt(base)
                return root if term.exponent > 0 else self.dtype(1) / root
            return self.dtype(np.power(base, self.dtype(float(term.exponent))))
        assert isinstance(term, (Softmax, LogSumExp))
        index = term.index
        z = [
            self.number(term.body, {**environment, index: k}) for k in range(self.sizes[index.axis])
        ]
        top = max(z)
        exponentials = [np.exp(value - top) for value in z]
        total = self.sum(exponentials)
        if isinstance(term, LogSumExp):
            return top + np.log(total)
        return exponentials[environment[index]] / total

    def values(
        self, term: Max | Hardmax | Product | Factor, environment: Environment
    ) -> list[np.floating]:
        places = range(self.sizes[term.index.axis])
        return [self.number(term.body, {**environment, term.index: k}) for k in places]

    def branch(self, term: Where, environment: Environment) -> Term:
        test = self.number(term.test, environment)
        # Of a derivative, either value is right where it jumps.
        kink = not self.stated and not tensors_in(term.test) <= self.masks
        convention = kink and test == 0 and self.coin()
        return term.above if test > 0 or convention else term.below

    def hardmax(self, values: list[np.floating], at: int) -> np.floating:
        largest = [k for k, value in enumerate(values) if value == max(values)]
        style = self.rng.integers(3)
        if style == 0 and not self.stated:
            return self.dtype(at == largest[0])
        if style == 1 and not self.stated:
            return self.dtype(at in largest)
        return self.dtype(at in largest) / self.dtype(len(largest))

    def product_over(self, term: Product, environment: Environment) -> np.floating:
        taken_out = without_one(term)
        if taken_out is None:
            return self.product(self.values(term, environment))
        delta, factor = taken_out
        factors = self.values(Factor(term.index, factor), environment)
        (here,) = {delta.left, delta.right} - {term.index}
        divisor = factors[environment[here]]
        if self.coin():
            whole = self.product(factors)
            tiny = np.finfo(self.dtype).tiny
            # Nothing on the way is below the product of the factors below 1.
            least = np.prod(np.minimum(np.abs(np.array(factors, float)), 1.0))
            if least >= tiny and np.isfinite(whole):
                return self.dtype(whole / divisor)
        return self.product([f for k, f in enumerate(factors) if k != environment[here]])

    def function(self, term: Apply, environment: Environment) -> np.floating:
        x = self.number(term.argument, environment)
        return self.dtype(self.value(term.function, term.order, x))

    def value(self, name: str, order: int, x: np.floating) -> np.floating:
        one = self.dtype(1)
        if order == 0:
            if name in ("exp", "tanh", "log", "abs", "sign"):
                return getattr(np, name)(x)
            if name == "sigmoid":
                small = np.exp(-abs(x))
                return one / (one + small) if x >= 0 else small / (one + small)
            if name == "softplus":
                return np.logaddexp(x, self.dtype(0))
            if name == "erf":
                return self.dtype(math.erf(x))
            if name == "relu":
                return x if x > 0 else self.dtype(0)
            if name == "step":
                return one if x > 0 or (x == 0 and self.coin()) else self.dtype(0)
            if name == "elu":
                return x if x > 0 else np.expm1(x)
        simpler = formula(name, order)
        assert simpler is not None
        return self.of_formula(simpler, x)

    def of_formula(self, term: Term, x: np.floating) -> np.floating:
        if isinstance(term, Entry):
            return x
        if is_scalar(term):
            return self.dtype(float(exact_scalar(term, {})))
        parts = [self.of_formula(child, x) for child in term.children]
        if isinstance(term, Add):
            return self.sum(parts)
        if isinstance(term, Mul):
            return self.product(parts)
        if isinstance(term, Power):
            return self.dtype(parts[0] ** self.dtype(float(term.exponent)))
        assert isinstance(term, Apply)
        return self.dtype(self.value(term.function, term.order, parts[0]))


def matches(body: Term, environment: Environment) -> bool:
    """Whether every position that a summand asks for is where it is looked for."""
    factors = body.factors if isinstance(body, Mul) else (body,)
    return all(
        environment[f.left] == f.offset + sum(times * environment[i] for i, times in f.parts)
        for f in factors
        if isinstance(f, Match)
    )


def exact_scalar(term: Term, sizes: Mapping[str, int]) -> Fraction | float:
    if isinstance(term, Number):
        return term.value
    if isinstance(term, Size):
        return Fraction(sizes[term.axis])
    if isinstance(term, Constant):
        return math.pi
    parts = [exact_scalar(child, sizes) for child in term.children]
    if isinstance(term, Add):
        return sum(parts, Fraction(0))
    if isinstance(term, Mul):
        return math.prod(parts, start=Fraction(1))
    assert isinstance(term, Power)
    if term.exponent.denominator == 1:
        return parts[0] ** term.exponent.numerator
    return float(parts[0]) ** float(term.exponent)


def axes_of(spec: Spec, name: str) -> tuple[str, ...]:
    if name in spec.program.tensors:
        return spec.program.tensors[name].axes
    gradient = next(g for g in spec.derivation.gradients.values() if g.name == name)
    return tuple(i.axis for i in gradient.target.indices)


def random_inputs(spec: Spec, dtype, rng) -> dict[str, np.ndarray]:
    sizes = {axis: int(rng.integers(2, 6)) for axis in spec.program.axes}
    sizes = spec.program.consistent(sizes)
    graded = 2.0 ** rng.integers(-4, 5) if rng.random() < 0.5 else 1.0
    inputs = {}
    for name in (*spec.program.inputs, *spec.derivation.upstreams):
        array = rng.standard_normal(tuple(sizes[axis] for axis in axes_of(spec, name)))
        if rng.random() < 0.2:
            array = np.round(2 * array)
        inputs[name] = (array * graded).astype(dtype)
    return inputs


def check_random_orders(name: str, spec: Spec, dtype, runs: int) -> None:
    """Judge some random evaluations of a spec: none may be wrong, and something is decided."""
    rng = np.random.default_rng([*name.encode(), np.dtype(dtype).itemsize])
    judged = 0
    with np.errstate(all="ignore"):
        for _ in range(runs):
            inputs = random_inputs(spec, dtype, rng)
            exact = {k: v.astype(np.float64) for k, v in inputs.items()}
            bounded = reference(spec.derivation, exact, np.dtype(dtype).name)
            subject = RandomOrder(spec, inputs, dtype, rng)
            for tensor, bound in bounded.items():
                decision = decide(subject.array(tensor), bound)
                assert decision.count(State.WRONG) == 0, (tensor, inputs)
                judged += decision.count(State.RIGHT)
    assert judged > 0
