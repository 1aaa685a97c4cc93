"""Random terms, a second evaluator in plain rationals, and rewritings that keep the value.

The evaluator shares no code with ``backproof.spec.values.pointwise``: it is what that module, and
all algebra, is held against.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from backproof.spec import terms as t
from backproof.spec.deriving.derive import Derivation
from backproof.spec.functions import FUNCTIONS
from backproof.spec.program import Axis, Program, Statement, Tensor
from backproof.spec.source import Source, Span
from backproof.spec.terms import Index, Term
from backproof.spec.values.numbers import Balls
from backproof.spec.values.pointwise import Evaluation

FIXED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=120,
    suppress_health_check=list(HealthCheck),
)
SIZES = {"i": 2, "p": 3}
# Named by the axis, first or second, and the letter.
Ai, Aj, Ak, Am = (Index(name, "i") for name in "ijkm")
Bp, Bq, Br = (Index(name, "p") for name in "pqr")
FREE = (Ai, Aj, Bp)
EVERY = (Ai, Aj, Ak, Am, Bp, Bq, Br)
# The axes of each tensor.
TENSORS = {"s": "", "x": "i", "y": "i", "u": "p", "M": "ii", "N": "ip", "T": "ipi"}
SMOOTH = ("exp", "sigmoid", "tanh", "softplus", "erf", "silu", "gelu")
PIECEWISE = ("relu", "abs", "step", "sign", "leaky_relu")


class Undefined(ArithmeticError):
    """There is no value, or no rational one."""


# ---------------------------------------------------------------- terms


@st.composite
def terms(
    draw: st.DrawFn,
    functions: tuple[str, ...] = (),
    powers: tuple[Fraction | int, ...] = (2,),
    softmax: bool = False,
    depth: int = 3,
    free: tuple[Index, ...] = FREE,
    tensors: Mapping[str, str] | None = None,
) -> Term:
    """A term whose free indices are among the given ones; bound ones may hide them."""
    table = TENSORS if tensors is None else tensors

    def entry(scope: tuple[Index, ...]) -> Term:
        fitting = {
            name: [[i for i in scope if i.axis == axis] for axis in axes]
            for name, axes in table.items()
        }
        names = sorted(name for name, places in fitting.items() if all(places))
        name = draw(st.sampled_from(names))
        return t.entry(name, [draw(st.sampled_from(place)) for place in fitting[name]])

    def leaf(scope: tuple[Index, ...]) -> Term:
        kind = draw(st.integers(0, 9))
        if kind == 0:
            return t.number(Fraction(draw(st.integers(-3, 3)), draw(st.integers(1, 2))))
        if kind == 1:
            return t.size(draw(st.sampled_from(sorted(SIZES))))
        pairs = [(i, j) for i, j in itertools.combinations(scope, 2) if i.axis == j.axis]
        if kind in (2, 3) and pairs:
            return t.delta(*draw(st.sampled_from(pairs)))
        return entry(scope)

    def node(scope: tuple[Index, ...], level: int) -> Term:
        if level == 0:
            return leaf(scope)
        kind = draw(st.integers(0, 9))
        if kind <= 2:
            return t.mul(*(node(scope, level - 1) for _ in range(draw(st.integers(2, 3)))))
        if kind <= 4:
            return t.add(*(node(scope, level - 1) for _ in range(draw(st.integers(2, 3)))))
        if kind <= 6:
            bound = draw(st.sampled_from(EVERY))
            body = node((*(i for i in scope if i != bound), bound), level - 1)
            return t.total((bound,), body)
        if kind == 7:
            return t.power(node(scope, level - 1), Fraction(draw(st.sampled_from(powers))))
        if kind == 8 and functions:
            argument = node(scope, level - 1)
            return t.apply(draw(st.sampled_from(functions)), argument, draw(st.integers(0, 1)))
        if kind == 9 and softmax:
            if scope and draw(st.booleans()):
                return t.softmax(draw(st.sampled_from(scope)), node(scope, level - 1))
            bound = draw(st.sampled_from(EVERY))
            body = node((*(i for i in scope if i != bound), bound), level - 1)
            return t.logsumexp(bound, body)
        return leaf(scope)

    return node(free, depth)


@st.composite
def programs(
    draw: st.DrawFn,
    functions: tuple[str, ...] = (),
    powers: tuple[Fraction | int, ...] = (2,),
    softmax: bool = False,
    depth: int = 2,
) -> Program:
    """Up to three statements, in which any tensor may be used many times or not at all."""
    tensors = dict(TENSORS)
    statements = []
    for k in range(draw(st.integers(1, 3))):
        kept = draw(st.sampled_from([(), (Ai,), (Ai, Aj), (Bp, Ai), (Bp,)]))
        value = draw(terms(functions, powers, softmax, depth, kept, tensors))
        target = t.entry(f"R{k}", kept)
        statements.append(Statement(target, value, Span(0, 0), ""))
        tensors[f"R{k}"] = "".join(i.axis for i in kept)
    return program(tensors, statements)


def program(tensors: Mapping[str, str], statements: Sequence[Statement] = ()) -> Program:
    """A program over the axes i and p, of tensors whose axes are given as letters."""
    letters = {"i": ("i", "j", "k", "m"), "p": ("p", "q", "r")}
    known = {
        name: Tensor(name, tuple(Index(letters[axis][0], axis) for axis in axes))
        for name, axes in tensors.items()
    }
    axes = {axis: Axis(axis, letters[axis]) for axis in SIZES}
    return Program(Source(""), axes, known, tuple(statements), functions=("g",))


# ---------------------------------------------------------------- values


def entry_value(name: str, position: tuple[int, ...]) -> Fraction:
    """A rational for each entry, not zero, that follows no pattern the algebra could know."""
    mixed = sum((k + 3) * ord(c) for k, c in enumerate(name)) % 101
    for p in position:
        mixed = (mixed * 31 + 17 * p + 7) % 101
    return Fraction((-1) ** mixed * (1 + mixed % 5), 1 + mixed % 3)


def polynomial(order: int, z: Fraction) -> Fraction:
    """The derivatives of z^3 - 2 z + 1, what an abstract function is taken to be."""
    return (z**3 - 2 * z + 1, 3 * z**2 - 2, 6 * z, Fraction(6), Fraction(0))[min(order, 4)]


def value(
    term: Term,
    at: Mapping[Index, int],
    sizes: Mapping[str, int] = SIZES,
    entry: Callable[[str, tuple[int, ...]], Fraction] = entry_value,
    abstract: Callable[[str, int, Fraction], Fraction] = lambda _, order, z: polynomial(order, z),
) -> Fraction:
    """The value of a term without transcendental functions, where its indices are as given.

    Args:
        term: the term.
        at: the positions of its free indices, from 0.
        sizes: of the axes.
        entry: the values of tensors.
        abstract: the values of the derivatives of abstract functions.

    Raises:
        Undefined: a division by zero, a kink, or an irrational value.
    """

    def on(node: Term, place: Mapping[Index, int]) -> Fraction:
        if isinstance(node, t.Number):
            return node.value
        if isinstance(node, t.Size):
            return Fraction(sizes[node.axis])
        if isinstance(node, t.Entry):
            return entry(node.tensor, tuple(place[i] for i in node.indices))
        if isinstance(node, t.Delta):
            return Fraction(1 if place[node.left] == place[node.right] else 0)
        if isinstance(node, t.Add):
            return sum((on(part, place) for part in node.terms), Fraction(0))
        if isinstance(node, t.Mul):
            result = Fraction(1)
            for factor in node.factors:
                result *= on(factor, place)
            return result
        if isinstance(node, t.Sum):
            points = places(node.indices, sizes)
            return sum((on(node.body, {**place, **point}) for point in points), Fraction(0))
        if isinstance(node, t.Power):
            base = _root(on(node.base, place), node.exponent.denominator)
            if base == 0 and node.exponent < 0:
                raise Undefined(node)
            return Fraction(base**node.exponent.numerator)
        if isinstance(node, t.Apply):
            argument = on(node.argument, place)
            if node.function not in FUNCTIONS:
                return abstract(node.function, node.order, argument)
            return _function(node.function, node.order, argument)
        if isinstance(node, (t.Softmax, t.LogSumExp)):
            # Exponentials are rational where the exponents are zero, and nowhere else.
            every = [on(node.body, {**place, **at}) for at in places((node.index,), sizes)]
            if any(every) or (isinstance(node, t.LogSumExp) and len(every) > 1):
                raise Undefined(node)
            return Fraction(1, len(every)) if isinstance(node, t.Softmax) else Fraction(0)
        raise Undefined(node)

    return on(term, at)


def _root(z: Fraction, degree: int) -> Fraction:
    if degree == 1:
        return z
    for base in (Fraction(a, b) for a in range(50) for b in range(1, 50)):
        if base**degree == z:
            return base
    raise Undefined(z)


AT_ZERO = {
    "exp": (1, 1),
    "sigmoid": (Fraction(1, 2), Fraction(1, 4)),
    "tanh": (0, 1),
    "silu": (0, Fraction(1, 2)),
    "erf": (0,),
}


def _function(name: str, order: int, z: Fraction) -> Fraction:
    if z == 0 and order < len(AT_ZERO.get(name, ())):
        return Fraction(AT_ZERO[name][order])
    if name not in PIECEWISE:
        raise Undefined(name)
    slopes = {"relu": (0, 1), "abs": (-1, 1), "leaky_relu": (Fraction(1, 100), 1)}
    levels = {"step": (0, 1), "sign": (-1, 1)}
    # Past the order at which they jump, they are taken to be zero everywhere.
    if order > (1 if name in slopes else 0):
        return Fraction(0)
    if z == 0:
        raise Undefined(name)
    if name in levels:
        return Fraction(levels[name][z > 0])
    slope = Fraction(slopes[name][z > 0])
    return slope if order else slope * z


def places(
    indices: tuple[Index, ...], sizes: Mapping[str, int] = SIZES
) -> Iterator[dict[Index, int]]:
    """Every assignment of positions to indices."""
    for point in itertools.product(*(range(sizes[i.axis]) for i in indices)):
        yield dict(zip(indices, point, strict=True))


def enclosures(sizes: Mapping[str, int] = SIZES) -> Evaluation:
    """Values as balls, at the precision that flint has."""
    balls = Balls()
    return Evaluation(
        Derivation(program(TENSORS), {}),
        balls,
        sizes,
        lambda name, at: balls.number(entry_value(name, at)),
    )


# ---------------------------------------------------------------- rewritings


def rewritten(term: Term, random: Random) -> Term:
    """A term of the same value, written differently throughout."""
    term = t.rebuild(term, lambda child: rewritten(child, random))
    if isinstance(term, t.Add):
        parts = list(term.terms)
        random.shuffle(parts)
        if len(parts) > 2 and random.random() < 0.5:
            first, *rest = parts
            return t.add(t.mul(t.number(2), first), t.negative(first), *rest)
        return t.add(*parts)
    if isinstance(term, t.Mul):
        factors = list(term.factors)
        random.shuffle(factors)
        for k, factor in enumerate(factors):
            if isinstance(factor, t.Add) and random.random() < 0.5:
                rest = (*factors[:k], *factors[k + 1 :])
                return t.add(*(t.mul(part, *rest) for part in factor.terms))
            if isinstance(factor, t.Sum) and random.random() < 0.5:
                # The other factors move inside, the bound indices out of their way.
                rest_ = t.mul(*factors[:k], *factors[k + 1 :])
                moved = renamed_apart(factor, rest_, random)
                if isinstance(moved, t.Sum):
                    return t.total(moved.indices, t.mul(rest_, moved.body))
        return t.mul(*factors)
    if isinstance(term, t.Sum):
        moved = renamed_apart(term, t.ONE, random)
        if not isinstance(moved, t.Sum):
            return moved
        indices = list(moved.indices)
        random.shuffle(indices)
        if isinstance(moved.body, t.Add) and random.random() < 0.7:
            return t.add(*(t.total(indices, part) for part in moved.body.terms))
        return t.total(indices, moved.body)
    if isinstance(term, t.Power) and term.exponent == 2 and random.random() < 0.5:
        return t.mul(term.base, term.base)
    return term


def altered(term: Term, random: Random) -> Term:
    """A term with one change that most often, but not always, changes its value."""
    target = random.choice(list(t.walk(term)))

    def changed(node: Term) -> Term:
        if isinstance(node, t.Entry) and node.indices:
            places_ = list(node.indices)
            k = random.randrange(len(places_))
            places_[k] = random.choice([i for i in FREE if i.axis == places_[k].axis])
            return t.entry(node.tensor, places_)
        if isinstance(node, t.Apply):
            turned = t.apply(node.function, t.negative(node.argument), node.order)
            return random.choice([t.negative(node), turned, node.argument])
        if isinstance(node, t.Sum):
            return t.total(node.indices, t.negative(node.body))
        if isinstance(node, t.Power):
            return random.choice([node.base, t.power(node.base, node.exponent + 1)])
        if isinstance(node, (t.Add, t.Mul)):
            rest = node.children[1:]
            return t.add(*rest) if isinstance(node, t.Add) else t.mul(*rest)
        if isinstance(node, t.Delta):
            return t.ONE
        return t.apply(random.choice(["relu", "abs"]), node)

    def on(node: Term) -> Term:
        return changed(node) if node is target else t.rebuild(node, on)

    return on(term)


def renamed_apart(term: t.Sum, other: Term, random: Random) -> Term:
    """The sum with its bound indices under new names that the other term does not use."""
    taken = t.indices_in(other) | t.indices_in(term)
    change: dict[Index, Index] = {}
    for index in term.indices:
        change[index] = t.fresh(Index(random.choice("vwzhm"), index.axis), taken)
        taken.add(change[index])
    body = t.substitute(term.body, change)
    return t.total([change[i] for i in term.indices], body)
