"""Values entry by entry: against a second evaluator, and against what functions are known to be."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.spec import terms as t
from backproof.spec.deriving.derive import Derivation, derive
from backproof.spec.functions import FUNCTIONS, PRIMITIVES, formula, is_abstract, unfold
from backproof.spec.layer import Spec
from backproof.spec.terms import Index, Term
from backproof.spec.values.numbers import Balls, Rationals
from backproof.spec.values.pointwise import Evaluation, KinkError, NoValueError
from tests.spec.random_terms import (
    FIXED,
    FREE,
    PIECEWISE,
    SIZES,
    TENSORS,
    Ai,
    Aj,
    Undefined,
    entry_value,
    places,
    polynomial,
    program,
    terms,
    value,
)


@pytest.fixture(autouse=True)
def two_hundred_bits() -> Any:
    before, flint.ctx.prec = flint.ctx.prec, 200
    yield
    flint.ctx.prec = before


def rationals() -> Evaluation[Fraction]:
    derivation = Derivation(program(TENSORS), {})
    return Evaluation(derivation, Rationals(), SIZES, entry_value, {"g": polynomial})


def balls() -> Evaluation[Any]:
    derivation = Derivation(program(TENSORS), {})
    numbers = Balls()
    return Evaluation(
        derivation, numbers, SIZES, lambda name, at: numbers.number(entry_value(name, at))
    )


# ---------------------------------------------------------------- against a second evaluator


@FIXED
@given(terms(functions=("g", *PIECEWISE), powers=(2, 3, -1), depth=4))
def test_rationals_agree_with_a_second_evaluator(term: Term) -> None:
    evaluation = rationals()
    for at in places(FREE):
        try:
            expected = value(term, at)
        except Undefined:
            with pytest.raises(NoValueError):
                evaluation.term(term, at)
        else:
            assert evaluation.term(term, at) == expected


@FIXED
@given(terms(functions=PIECEWISE, powers=(2, -1), depth=3))
def test_balls_contain_the_rationals(term: Term) -> None:
    exact, enclosed = rationals(), balls()
    for at in places(FREE):
        try:
            expected = exact.term(term, at)
            ball = enclosed.term(term, at)
        except NoValueError:
            continue
        assert (ball - Balls().number(expected)).contains(0)


# ---------------------------------------------------------------- substitution and renaming

indices = st.sampled_from([Index(n, "i") for n in "ijkmz"])
others = st.sampled_from([Index(n, "p") for n in "pqrz"])


@FIXED
@given(
    terms(functions=("g", "relu"), powers=(2, -1), depth=4),
    st.tuples(indices, indices, others),
)
def test_substitution_moves_free_indices_and_captures_none(
    term: Term, targets: tuple[Index, Index, Index]
) -> None:
    change = dict(zip(FREE, targets, strict=True))
    moved = t.substitute(term, change)
    assert moved.free <= {change[i] for i in term.free}
    for point in places(tuple(dict.fromkeys(targets))):
        try:
            expected = value(term, {i: point[change[i]] for i in FREE})
        except Undefined:
            continue
        assert value(moved, point) == expected


@FIXED
@given(terms(functions=("exp", "tanh"), softmax=True, depth=3), st.tuples(indices, indices, others))
def test_substitution_under_softmax_keeps_the_value(
    term: Term, targets: tuple[Index, Index, Index]
) -> None:
    change = dict(zip(FREE, targets, strict=True))
    moved, evaluation = t.substitute(term, change), balls()
    for point in places(tuple(dict.fromkeys(targets))):
        try:
            expected = evaluation.term(term, {i: point[change[i]] for i in FREE})
        except NoValueError:
            continue
        assert (evaluation.term(moved, point) - expected).contains(0)


def test_softmax_at_an_index_of_its_own_argument_is_the_quotient() -> None:
    term = t.softmax(Aj, t.entry("M", (Ai, Aj)))
    diagonal = t.substitute(term, {Aj: Ai})

    assert diagonal.free == {Ai}
    for at in places((Ai,)):
        expected = balls().term(term, {**at, Aj: at[Ai]})
        assert (balls().term(diagonal, at) - expected).contains(0)


def test_exchanging_two_indices_happens_at_once() -> None:
    term = t.entry("M", (Ai, Aj))
    assert t.substitute(term, {Ai: Aj, Aj: Ai}) is t.entry("M", (Aj, Ai))
    assert t.substitute(term, {Ai: Ai}) is term


def test_a_bound_index_that_does_not_occur_keeps_out_of_the_way() -> None:
    # Both indices are bound, and only one occurs: the other must not be bound twice.
    one, two = Index("i", "i"), Index("i1", "i")
    term = t.total((one, two), t.mul(t.entry("x", (one,)), t.entry("y", (Aj,))))
    moved = t.substitute(term, {Aj: one})

    assert moved.free == {one}
    assert value(moved, {one: 1}) == value(term, {Aj: 1})


# ---------------------------------------------------------------- terms


def test_equal_terms_are_one_object() -> None:
    assert t.entry("x", (Ai,)) is t.entry("x", [Ai])
    assert t.add(t.number(1), t.number(2)) is t.number(3)
    assert t.mul(t.number(0), t.entry("x", (Ai,))) is t.ZERO
    assert t.power(t.entry("x", (Ai,)), 1) is t.entry("x", (Ai,))
    assert t.power(t.number(2), -2) is t.number(Fraction(1, 4))
    assert t.delta(Ai, Aj) is t.delta(Aj, Ai)
    assert t.delta(Ai, Ai) is t.ONE


def test_a_power_of_a_number_past_reason_stays_a_power() -> None:
    term = t.power(t.number(10), 10**9)
    assert isinstance(term, t.Power)
    assert isinstance(t.power(t.number(0), -1), t.Power)


def test_an_index_is_bound_once() -> None:
    with pytest.raises(ValueError, match="bound twice"):
        t.total((Ai, Ai), t.entry("x", (Ai,)))


# ---------------------------------------------------------------- functions


def real(name: str) -> Callable[[float], float]:
    return {
        "exp": math.exp,
        "log": math.log,
        "sqrt": math.sqrt,
        "linear": lambda x: x,
        "tanh": math.tanh,
        "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
        "softplus": lambda x: math.log1p(math.exp(x)),
        "erf": math.erf,
        "relu": lambda x: max(x, 0.0),
        "step": lambda x: float(x > 0),
        "abs": abs,
        "sign": lambda x: math.copysign(1.0, x),
        "silu": lambda x: x / (1 + math.exp(-x)),
        "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
        "leaky_relu": lambda x: x if x > 0 else x / 100,
        "elu": lambda x: x if x > 0 else math.expm1(x),
    }[name]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "argument", [Fraction(-7, 3), Fraction(-1, 8), Fraction(1, 3), Fraction(5)]
)
def test_functions_are_what_their_names_say(name: str, argument: Fraction) -> None:
    if argument < 0 and FUNCTIONS[name].domain:
        with pytest.raises(NoValueError):
            function_at(name, 0, argument)
        return
    ball = function_at(name, 0, argument)
    # A library's function may be off by a few units in the last place: 2^-45 is over a hundred.
    expected = flint.arb(real(name)(float(argument)))
    off = flint.arb(2) ** -45 * (1 + abs(expected))
    assert abs(ball - expected) < off
    assert ball.rad() < flint.arb(2) ** -150


def function_at(name: str, order: int, argument: Fraction) -> Any:
    derivation = Spec("y = x").derivation
    evaluation = Evaluation(derivation, Balls(), {}, lambda *_: Balls().number(argument))
    return evaluation.term(t.apply(name, t.entry("x"), order), {})


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("argument", [Fraction(-7, 3), Fraction(2, 3)])
def test_each_derivative_is_the_slope_of_the_one_before(
    name: str, order: int, argument: Fraction
) -> None:
    """By the mean value theorem: the divided difference lies among the slopes in between."""
    if FUNCTIONS[name].domain:
        argument = abs(argument)
    h = Fraction(1, 10**6)
    rise = (function_at(name, order, argument + h) - function_at(name, order, argument)) / (
        Balls().number(h)
    )
    between = Balls().number(argument).union(Balls().number(argument + h))
    derivation = Spec("y = x").derivation
    evaluation = Evaluation(derivation, Balls(), {}, lambda *_: between)
    slopes = evaluation.term(t.apply(name, t.entry("x"), order + 1), {})
    assert slopes.overlaps(rise)


@pytest.mark.parametrize("name", ["relu", "step", "abs", "sign"])
@pytest.mark.parametrize("numbers", [Rationals(), Balls()])
def test_there_is_no_value_at_a_kink(name: str, numbers: Any) -> None:
    with pytest.raises(KinkError):
        numbers.function(name, numbers.number(Fraction(0)))


def test_a_ball_around_a_kink_has_no_value_either() -> None:
    numbers = Balls()
    around = flint.arb(0, 1)
    for name in ("relu", "step", "abs", "sign"):
        with pytest.raises(KinkError):
            numbers.function(name, around)
    for refused in (
        lambda: numbers.function("log", around),
        lambda: numbers.power(around, Fraction(-1)),
        lambda: numbers.power(around, Fraction(1, 2)),
        lambda: numbers.power(flint.arb(-4), Fraction(1, 2)),
        lambda: numbers.function("nonsense", around),
        lambda: numbers.constant("e"),
    ):
        with pytest.raises(NoValueError):
            refused()


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        ("exp", 0, 1),
        ("log", 1, 0),
        ("tanh", 0, 0),
        ("sigmoid", 0, Fraction(1, 2)),
        ("erf", 0, 0),
        ("relu", -3, 0),
        ("relu", 3, 3),
        ("abs", -3, 3),
        ("sign", -3, -1),
        ("step", 3, 1),
    ],
)
def test_functions_that_are_rational_somewhere(
    name: str, argument: int, expected: Fraction | int
) -> None:
    assert Rationals().function(name, Fraction(argument)) == expected


@pytest.mark.parametrize(
    ("base", "exponent", "expected"),
    [
        (Fraction(4, 9), Fraction(1, 2), Fraction(2, 3)),
        (Fraction(4, 9), Fraction(-3, 2), Fraction(27, 8)),
        (Fraction(8), Fraction(2, 3), Fraction(4)),
        (Fraction(10**60), Fraction(1, 30), Fraction(100)),
        (Fraction(0), Fraction(1, 2), Fraction(0)),
        (Fraction(0), Fraction(5), Fraction(0)),
        (Fraction(-2), Fraction(3), Fraction(-8)),
        (Fraction(1), Fraction(1, 7), Fraction(1)),
    ],
)
def test_rational_powers_of_rationals(
    base: Fraction, exponent: Fraction, expected: Fraction
) -> None:
    assert Rationals().power(base, exponent) == expected


@FIXED
@given(st.integers(0, 10**40), st.integers(1, 9))
def test_a_root_is_exact_or_there_is_none(number: int, degree: int) -> None:
    numbers = Rationals()
    assert numbers.power(Fraction(number**degree), Fraction(1, degree)) == number
    if degree > 1 and number > 0:
        with pytest.raises(NoValueError):
            numbers.power(Fraction(number**degree + 1), Fraction(1, degree))


@pytest.mark.parametrize(
    "refused",
    [
        lambda n: n.power(Fraction(0), Fraction(-1)),
        lambda n: n.power(Fraction(0), Fraction(-1, 2)),
        lambda n: n.power(Fraction(2), Fraction(1, 2)),
        lambda n: n.power(Fraction(-4), Fraction(1, 2)),
        lambda n: n.power(Fraction(3), Fraction(10**9)),
        lambda n: n.power(Fraction(3), Fraction(1, 10**9)),
        lambda n: n.constant("pi"),
        lambda n: n.function("exp", Fraction(1)),
        lambda n: n.function("log", Fraction(0)),
    ],
)
def test_what_is_no_rational_is_refused(refused: Callable[[Rationals], Fraction]) -> None:
    with pytest.raises(NoValueError):
        refused(Rationals())


def test_an_abstract_function_of_which_nothing_is_given_has_no_value() -> None:
    assert is_abstract("g")
    for order in (0, 1):
        with pytest.raises(NoValueError):
            function_at("g", order, Fraction(1))


def test_unfolding_ends_in_primitives() -> None:
    for name in FUNCTIONS:
        term: Term = t.apply(name, t.entry("x"), 2)
        for _ in range(10):
            plain = [n for n in t.walk(term) if isinstance(n, t.Apply)]
            todo = [n for n in plain if unfold(n) is not n]
            if not todo:
                break
            term = replaced(term, todo[0], unfold(todo[0]))
        assert {n.function for n in plain} <= set(PRIMITIVES)
        assert {n.order for n in plain} <= {0}


def replaced(term: Term, old: Term, new: Term) -> Term:
    return new if term is old else t.rebuild(term, lambda child: replaced(child, old, new))


def test_formulas_have_no_other_variable_than_x() -> None:
    for name in FUNCTIONS:
        for order in (0, 1, 2):
            term = formula(name, order)
            if term is not None:
                assert t.tensors_in(term) <= {"x"}


# ---------------------------------------------------------------- evaluations


def test_entries_are_computed_once() -> None:
    spec = Spec("y[n] = x[n]^2\nz[n] = sum[k](y[k])*y[n]\naxes n, k: a")
    asked = []

    def given_(name: str, at: tuple[int, ...]) -> Fraction:
        asked.append((name, at))
        return Fraction(1 + at[0])

    evaluation = Evaluation(spec.derivation, Rationals(), {"n": 3}, given_)

    assert [evaluation.entry("z", (k,)) for k in range(3)] == [14, 56, 126]
    assert sorted(asked) == [("x", (k,)) for k in range(3)]


def test_a_chain_of_definitions_may_be_longer_than_the_stack() -> None:
    lines = ["x1 = x0 + 1"] + [f"x{k} = x{k - 1} + x{k // 2}" for k in range(2, 1500)]
    spec = Spec("\n".join(lines))
    values = [Fraction(5), Fraction(6)]
    for k in range(2, 1500):
        values.append(values[k - 1] + values[k // 2])
    evaluation = Evaluation(spec.derivation, Rationals(), {}, lambda *_: Fraction(5))

    assert evaluation.entry("x1499", ()) == values[1499]
    assert evaluation.entry("x700", ()) == values[700]


def test_an_entry_without_value_stays_without() -> None:
    spec = Spec("y = 1/x\nz = y + 1\nw = 2*x")
    evaluation = Evaluation(spec.derivation, Rationals(), {}, lambda *_: Fraction(0))
    for _ in range(2):
        with pytest.raises(NoValueError):
            evaluation.entry("z", ())
    assert evaluation.entry("w", ()) == 0


def test_gradients_are_entries_as_well() -> None:
    spec = Spec("L = sum[n](x[n]^3)")
    evaluation = Evaluation(
        derive(spec.program), Rationals(), {"n": 2}, lambda _, at: Fraction(2 + at[0])
    )
    assert [evaluation.entry("dx", (k,)) for k in range(2)] == [12, 27]
