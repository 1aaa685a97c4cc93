"""The reference is within its own radius of the exact value, by ball arithmetic of many digits."""

import itertools
from collections.abc import Mapping
from fractions import Fraction

import flint
import numpy as np
import pytest
from flint import arb, fmpq

from backproof.oracles import curves, intervals
from backproof.oracles.derived import Derived
from backproof.oracles.elementary import VALUES
from backproof.oracles.outcome import Answer, Question
from backproof.oracles.products import UpperProducts, compensated, two_product, two_sum
from backproof.oracles.reference import reference
from backproof.spec.deriving.derive import Derivation
from backproof.spec.functions import ACTIVATIONS, FUNCTIONS, X, formula
from backproof.spec.layer import Spec
from backproof.spec.library import dense, losses, named, network
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

Environment = Mapping[Index, int]

STATEMENTS = [
    "Y[n] = (X[n]^2 + 1)^(1/2)",
    "Y[n,k] = X[n,k]/(sum[j](X[n,j]^2))^(1/2)",
    "M[k] = mean[n](X[n,k])\nV[k] = mean[n]((X[n,k]-M[k])^2)\n"
    "Y[n,k] = (X[n,k]-M[k])/(V[k]+1/1000)^(1/2)",
    "Y[n] = log(1 + exp(X[n])) + abs(X[n])*X[n]",
    "Y[i,l] = sum[j,k](A[i,j]*B[j,k]*C[k,l])",
    "L = sum[n]((sum[i](X[n,i]*w[i]) - t[n])^2)/2",
    "Y[n,o] = sum[i,j](X[n,i]*X[n,j]*W[i,j,o])",
    "Y[n] = X[n]^(-2) + X[n]^3 - 3*X[n]",
    "Y[n,m] = exp(-sum[k]((A[n,k]-B[m,k])^2)/2)",
    "Y[n] = sum[i](X[n,i]*X[n,i])/size(i) - (sum[i](X[n,i])/size(i))^2",
    "Y[n,o] = softmax[o](3*X[n,o] - sum[k](X[n,k])/7)",
    "L = mean[n](logsumexp[k](X[n,k]))*pi^(1/2)",
    "Y[i] = X[i,i]*sigmoid(b[i])",
    "Y[n] = silu(X[n])*gelu(X[n]) + erf(X[n])/(size(n)-1)",
    "Y[n] = (X[n]+1)^12",
    "Y[n] = (X[n]^2)^(2/3)",
    "Y[n] = tanh''(X[n]) + gelu''(X[n])*silu'''(X[n])",
]


@pytest.fixture(autouse=True)
def many_digits():
    before = flint.ctx.prec
    # 1 - tanh(700)^2 loses 2000 bits.
    flint.ctx.prec = 4000
    yield
    flint.ctx.prec = before


def ball(value: Fraction) -> arb:
    return arb(fmpq(value.numerator, value.denominator))


def total(values) -> arb:
    return sum(values, arb(0))


class Exact:
    """The exact value of each entry of each tensor, from the terms, entry by entry."""

    def __init__(self, derivation: Derivation, inputs, sizes: Mapping[str, int]) -> None:
        self.derivation = derivation
        self.inputs = inputs
        self.sizes = sizes
        self.known: dict[tuple[str, tuple[int, ...]], arb] = {}

    def entry(self, name: str, place: tuple[int, ...]) -> arb:
        if name in self.inputs:
            return arb(float(self.inputs[name][place]))
        if (name, place) not in self.known:
            target, value = self.derivation.definition(name)
            environment = dict(zip(target.indices, place, strict=True))
            self.known[name, place] = self.of(value, environment)
        return self.known[name, place]

    def of(self, term: Term, environment: Environment) -> arb:
        if isinstance(term, Size):
            return arb(self.sizes[term.axis])
        if isinstance(term, Entry):
            return self.entry(term.tensor, tuple(environment[i] for i in term.indices))
        if isinstance(term, Delta):
            return arb(int(environment[term.left] == environment[term.right]))
        if isinstance(term, Sum):
            places = itertools.product(*(range(self.sizes[i.axis]) for i in term.indices))
            return total(
                self.of(term.body, {**environment, **dict(zip(term.indices, p, strict=True))})
                for p in places
            )
        if isinstance(term, (Softmax, LogSumExp)):
            weights = [
                self.of(term.body, {**environment, term.index: k}).exp()
                for k in range(self.sizes[term.index.axis])
            ]
            if isinstance(term, LogSumExp):
                return total(weights).log()
            return weights[environment[term.index]] / total(weights)
        return combined(term, [self.of(child, environment) for child in term.children])


def combined(term: Term, parts: list[arb]) -> arb:
    if isinstance(term, Number):
        return ball(term.value)
    if isinstance(term, Constant):
        return arb.pi()
    if isinstance(term, Add):
        return total(parts)
    if isinstance(term, Mul):
        product = arb(1)
        for part in parts:
            product *= part
        return product
    if isinstance(term, Power):
        exponent = term.exponent
        whole = exponent.denominator == 1
        return parts[0] ** (exponent.numerator if whole else ball(exponent))
    assert isinstance(term, Apply)
    return function(term.function, term.order, parts[0])


def function(name: str, order: int, x: arb) -> arb:
    if order == 0 and name in ("exp", "log", "tanh", "erf"):
        return getattr(x, name)()
    if order == 0 and name == "sigmoid":
        return 1 / (1 + (-x).exp())
    if order == 0 and name == "softplus":
        return x.exp().log1p()
    if order == 0 and name in ("relu", "step", "abs", "sign"):
        positive = x > 0
        return {
            "relu": x if positive else arb(0),
            "step": arb(int(positive)),
            "abs": abs(x),
            "sign": arb(1 if positive else -1),
        }[name]
    return of_formula(formula(name, order), x)


def of_formula(term: Term, x: arb) -> arb:
    if term is X:
        return x
    return combined(term, [of_formula(child, x) for child in term.children])


def distance(exact: arb, value: float) -> float:
    return float(abs(exact - arb(float(value))).upper())


def inputs_of(spec: Spec, sizes: Mapping[str, int], rng: np.random.Generator, low: float):
    axes = {name: tensor.axes for name, tensor in spec.program.tensors.items()}
    for gradient in spec.derivation.gradients.values():
        axes[gradient.name] = tuple(i.axis for i in gradient.target.indices)
    return {
        name: low + rng.standard_normal(tuple(sizes[a] for a in axes[name]))
        for name in (*spec.program.inputs, *spec.derivation.upstreams)
    }


def assert_encloses(spec: Spec, inputs) -> int:
    """Checks every entry that is no convention; returns how many."""
    bounded = reference(spec.derivation, inputs, "float64")
    question = Question(spec.derivation, inputs, tuple(bounded))
    answer = Derived().answer(question)
    assert isinstance(answer, Answer)
    exact = Exact(spec.derivation, inputs, question.sizes)
    checked = 0
    for name, bound in bounded.items():
        for place in np.ndindex(bound.value.shape):
            if not np.isfinite(bound.own[place]) or bound.hull[place]:
                continue
            right = exact.entry(name, place)
            assert distance(right, bound.value[place]) <= bound.own[place], (name, place)
            assert distance(right, answer.values[name][place]) <= answer.radii[name][place]
            assert answer.lower(name)[place] <= right <= answer.upper(name)[place]
            checked += 1
    return checked


@pytest.mark.parametrize("text", STATEMENTS)
def test_statements(text):
    spec = Spec(text)
    rng = np.random.default_rng(1)
    for low in (0.0, 0.25, 3.0):
        sizes = dict(zip(spec.program.axes, (3, 2, 4, 2, 3), strict=False))
        assert assert_encloses(spec, inputs_of(spec, sizes, rng, low)) > 0


@pytest.mark.parametrize("scale", [2.0**-10, 1.0, 8.0, 2.0**10])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_dense_layers(activation, scale):
    rng = np.random.default_rng(2)
    spec = dense(activation=activation, scale="mean" if scale == 1.0 else "sum")
    inputs = inputs_of(spec, {"n": 4, "i": 5, "o": 3}, rng, 0.0)

    assert assert_encloses(spec, {k: v * scale for k, v in inputs.items()}) > 0


@pytest.mark.parametrize("loss", losses())
def test_losses_and_networks(loss):
    rng = np.random.default_rng(3)
    alone = named(loss)
    sizes = {axis: 3 + k for k, axis in enumerate(alone.program.axes)}
    inputs = inputs_of(alone, sizes, rng, 0.0)
    chances = {k: 1.0 / (1.0 + np.exp(-v)) for k, v in inputs.items()}
    deep = network(3, activation=["tanh", "silu", "sigmoid"], loss=loss)
    sizes = {axis: 2 + k for k, axis in enumerate(deep.program.axes)}

    assert assert_encloses(alone, chances) > 0
    assert assert_encloses(deep, inputs_of(deep, sizes, rng, 0.0)) > 0


def test_a_sum_too_long_to_be_compensated():
    rng = np.random.default_rng(4)
    spec = dense(layout="ni,io->no", activation="sigmoid")
    inputs = inputs_of(spec, {"n": 20, "i": 60, "o": 30}, rng, 0.0)
    bounded = reference(spec.derivation, inputs, "float64")
    exact = Exact(spec.derivation, inputs, {"n": 20, "i": 60, "o": 30})

    flint.ctx.prec = 200
    for name in ("Z", "A", "dZ"):
        for place in [(0, 0), (7, 11), (19, 29)]:
            error = distance(exact.entry(name, place), bounded[name].value[place])
            assert error <= bounded[name].own[place]
    for place in [(0, 0), (59, 29)]:
        error = distance(exact.entry("dW", place), bounded["dW"].value[place])
        assert error <= bounded["dW"].own[place]


# ---------------------------------------------------------------- functions


def points(rng: np.random.Generator) -> np.ndarray:
    spread = rng.standard_normal(200) * np.exp(3 * rng.standard_normal(200))
    special = [0.0, -0.0, 1.0, -1.0, 0.5, 30.0, -30.0, 37.5, -38.0, 1e-8, -1e-300, 5e-324]
    return np.concatenate((np.clip(spread, -600.0, 600.0), special))


@pytest.mark.parametrize(("name", "order"), VALUES)
def test_values_are_within_their_errors(name, order):
    z = points(np.random.default_rng(5))
    z = np.abs(z[z != 0]) if name == "log" else z
    kinked = curves.jumps(name, order)

    value, error = VALUES[name, order](z, {})

    for k, x in enumerate(z):
        if x in kinked:
            continue
        right = function(name, order, arb(float(x)))
        assert distance(right, value[k]) <= (0.0 if error is None else error[k]), x


@pytest.mark.parametrize(("name", "order"), curves.LIPSCHITZ)
def test_lipschitz_constants_hold(name, order):
    flint.ctx.prec = 100
    bound = curves.LIPSCHITZ[name, order]
    slopes = [abs(function(name, order + 1, arb(x))) for x in np.linspace(-9.0, 9.0, 1600)]

    assert not any(slope > bound for slope in slopes)
    # Nor are they generous: somewhere the slope is within 2 % of the constant.
    assert any(slope >= 0.98 * bound for slope in slopes)


@pytest.mark.parametrize(("name", "order"), curves.DIAMETER)
def test_diameters_hold(name, order):
    flint.ctx.prec = 100
    values = [function(name, order, arb(x)) for x in (*np.linspace(-6, 6, 1600), -50.0, 50.0)]
    highest = max(float(v.mid()) for v in values)
    lowest = min(float(v.mid()) for v in values)

    assert 0.98 * curves.DIAMETER[name, order] <= highest - lowest <= curves.DIAMETER[name, order]


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n not in ("sqrt", "log")])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_no_function_moves_further_than_its_variation(name, order):
    rng = np.random.default_rng(6)
    z = rng.standard_normal(60) * 3
    reach = np.abs(rng.standard_normal(60)) * 2.0 ** rng.integers(-40, 3, 60)
    memo = {}

    found, _ = curves.value(name, order, z, memo)
    slope = curves.variation(name, order, z, found, reach, memo)
    moved = curves.moved(name, order, slope, reach)

    for k in range(len(z)):
        if FUNCTIONS[name].kinks and abs(z[k]) <= reach[k]:
            continue
        for part in (-1.0, -0.37, 0.6, 1.0):
            there = arb(float(z[k])) + arb(float(reach[k])) * arb(part)
            far = abs(function(name, order, there) - function(name, order, arb(float(z[k]))))
            assert not far > moved[k]


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n not in ("sqrt", "log")])
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_interval_evaluation_encloses(name, order):
    rng = np.random.default_rng(7)
    low = rng.standard_normal(50) * 3
    high = low + np.abs(rng.standard_normal(50)) * 2.0 ** rng.integers(-30, 2, 50)

    bottom, top = intervals.enclose(name, order, low, high)

    for k in range(len(low)):
        for part in (0.0, 0.3, 0.8, 1.0):
            x = arb(float(low[k])) * arb(1.0 - part) + arb(float(high[k])) * arb(part)
            right = function(name, order, x)
            assert not right < bottom[k]
            assert not right > top[k]


# ---------------------------------------------------------------- error-free transformations


def test_error_free_transformations_leave_nothing():
    rng = np.random.default_rng(8)
    a = rng.standard_normal(100) * 2.0 ** rng.integers(-100, 100, 100)
    b = rng.standard_normal(100) * 2.0 ** rng.integers(-100, 100, 100)
    s, t = two_sum(a, b)
    p, q = two_product(a, b)

    for k in range(100):
        x, y = Fraction(a[k]), Fraction(b[k])
        assert Fraction(s[k]) + Fraction(t[k]) == x + y
        assert Fraction(p[k]) + Fraction(q[k]) == x * y


@pytest.mark.parametrize("length", [0, 1, 2, 3, 7, 64, 101])
def test_compensated_sums_are_within_their_bound(length):
    rng = np.random.default_rng(9)
    summands = rng.standard_normal((20, length)) * 2.0 ** rng.integers(-60, 60, (20, length))
    errors = summands * 2.0**-53 * rng.uniform(-1, 1, (20, length))

    value, left, bound = compensated(summands, errors)

    for row in range(20):
        exact = sum((Fraction(x) for x in (*summands[row], *errors[row])), Fraction(0))
        off = abs(Fraction(value[row]) + Fraction(left[row]) - exact)
        assert off <= Fraction(bound[row])
        size = sum(abs(Fraction(x)) for x in summands[row])
        assert Fraction(bound[row]) <= 150 * Fraction(1, 2**106) * size


def test_compensated_sums_of_integers_are_exact():
    summands = np.random.default_rng(9).integers(-(2**30), 2**30, (20, 50)).astype(float)

    value, left, bound = compensated(summands, np.zeros_like(summands))

    assert (value == summands.sum(axis=1)).all()
    assert not left.any()
    assert not bound.any()


def test_upper_products_are_above_in_both_precisions():
    rng = np.random.default_rng(10)
    n, k, m = Index("n", "n"), Index("k", "k"), Index("m", "m")
    sizes = {"n": 130, "k": 256, "m": 140}
    a = np.abs(rng.standard_normal((130, 256))) * 2.0 ** rng.integers(-20, 20, (130, 256))
    b = np.abs(rng.standard_normal((256, 140))) * (rng.random((256, 140)) < 0.3)
    b[:, 5] = 0.0
    upper = UpperProducts(sizes)
    upper.keep(a)

    narrow = upper([(a, (n, k)), (b, (k, m))], (n, m))
    again = upper([(a, (n, k)), (b, (k, m))], (n, m))
    wide = upper([(a * 2.0**-900, (n, k)), (b, (k, m))], (n, m))

    for place in [(0, 0), (129, 139), (60, 5), (3, 77)]:
        exact = sum(
            Fraction(x) * Fraction(y) for x, y in zip(a[place[0]], b[:, place[1]], strict=True)
        )
        assert exact <= Fraction(narrow[place]) <= exact * (1 + Fraction(1, 2**14))
        assert exact <= Fraction(wide[place]) * 2**900
    assert (narrow[:, 5] == 0.0).all()
    assert (narrow == again).all()
