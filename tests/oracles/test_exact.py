from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.oracles.exact import ExactOracle, Rational, Rationals, point, to_floats
from backproof.oracles.outcome import Question, Unavailable
from backproof.spec.functions import FUNCTIONS
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts, named
from tests.oracles.layer_questions import answered, integers, question

HALF = Fraction(1, 2)
SUBSCRIPTS = {
    "ni,oi->no": ("no,oi->ni", "no,ni->oi", "no->o"),
    "ni,io->no": ("no,io->ni", "no,ni->io", "no->o"),
    "oi,in->on": ("on,oi->in", "on,in->oi", "on->o"),
}


def unfitting(spec: Spec, **fixed: object) -> str:
    outcome = ExactOracle().answer(question(spec, **fixed))
    assert isinstance(outcome, Unavailable)
    assert outcome.oracle == "exact"
    return outcome.reason


@pytest.mark.parametrize("layout", layouts())
def test_integers_stay_integers(layout: str) -> None:
    asked = question(dense(layout=layout, activation="linear"), draw=integers)
    got = answered(ExactOracle(), asked)
    X, W, b, dA = (asked.inputs[name] for name in ("X", "W", "b", "dA"))
    # Integers of one digit: float64 computes these products exactly in any order.
    first, second = (W, X) if layout.startswith("oi,in") else (X, W)
    Z = np.einsum(layout, first, second) + (b[:, None] if layout.endswith("on") else b)
    to_x, to_w, to_b = SUBSCRIPTS[layout]
    expected = {
        "Z": Z,
        "A": Z,
        "dZ": dA,
        "dX": np.einsum(to_x, dA, W),
        "dW": np.einsum(to_w, dA, X),
        "db": np.einsum(to_b, dA),
    }
    assert set(expected) == set(got.values)
    for name, value in expected.items():
        assert np.array_equal(got.values[name], value)
        assert not got.radii[name].any()


def test_a_mean_over_samples_is_a_third_of_the_sum() -> None:
    sizes = {"samples": 3, "inputs": 2, "outputs": 4}
    plain = question(dense(activation="linear"), draw=integers, sizes=sizes)
    averaged = question(dense(activation="linear", scale="mean"), draw=integers, sizes=sizes)
    whole = ExactOracle().rationals(plain)
    thirds = ExactOracle().rationals(averaged)
    assert not isinstance(whole, Unavailable)
    assert not isinstance(thirds, Unavailable)
    for (name, place), value in whole.items():
        scale = Fraction(1, 3) if name in ("dW", "db") else Fraction(1)
        assert value.low is not None
        assert thirds[name, place] == point(value.low * scale)


def test_a_rational_loss_by_hand() -> None:
    asked = question(
        named("mean_squared_error"),
        sizes={"samples": 1, "outputs": 3},
        A=[[1.0, 2.0, 3.0]],
        Y=[[0.5, 2.0, 5.0]],
    )
    found = ExactOracle().rationals(asked)
    assert not isinstance(found, Unavailable)
    assert found["L", ()] == point(Fraction(17, 12))
    assert [found["dA", (0, k)] for k in range(3)] == [
        point(Fraction(1, 3)),
        point(Fraction(0)),
        point(Fraction(-4, 3)),
    ]


@pytest.mark.parametrize(
    ("activation", "low", "high"),
    [
        ("relu", Fraction(0), Fraction(1)),
        ("leaky_relu", Fraction(1, 100), Fraction(1)),
        ("abs", Fraction(-1), Fraction(1)),
    ],
)
def test_at_a_kink_every_value_between_the_sides_is_right(
    activation: str, low: Fraction, high: Fraction
) -> None:
    asked = question(
        dense(activation=activation),
        sizes={"samples": 1, "inputs": 2, "outputs": 3},
        X=[[1, 2]],
        W=[[2, 1], [2, 1], [2, 1]],
        b=[-4, -3, -5],
        dA=[[2, 2, 2]],
    )
    found = ExactOracle().rationals(asked)
    assert not isinstance(found, Unavailable)
    assert found["A", (0, 0)] == point(Fraction(0))
    assert found["dZ", (0, 0)] == Rational(2 * low, 2 * high)
    assert found["dZ", (0, 1)] == point(2 * high)
    assert found["dZ", (0, 2)] == point(2 * low)


def test_no_derivative_where_a_function_jumps() -> None:
    asked = question(Spec("y[n] = step'(x[n])"), sizes={"": 2}, x=[0.0, 1.0])
    got = answered(ExactOracle(), Question(asked.derivation, asked.inputs, ("y",)))
    assert got.radii["y"].tolist() == [np.inf, 0.0]


def test_division_by_zero_has_no_value() -> None:
    asked = question(Spec("y[n] = 1/x[n]"), sizes={"": 2}, x=[0.0, 4.0], dy=[1.0, 1.0])
    got = answered(ExactOracle(), asked)
    assert got.radii["y"].tolist() == [np.inf, 0.0]
    assert got.values["y"][1] == 0.25
    assert got.values["dx"][1] == -0.0625


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softplus", "exp", "erf", "softmax"])
def test_transcendental_functions_are_named_in_the_refusal(activation: str) -> None:
    reason = unfitting(dense(activation=activation))
    assert reason.endswith("is not a rational function")
    assert reason.split()[0] in FUNCTIONS


def test_what_else_is_not_rational_is_named() -> None:
    assert "1/2" in unfitting(Spec("y[n] = sqrt(x[n])"), sizes={"": 2})
    assert "pi" in unfitting(Spec("y[n] = pi*x[n]"), sizes={"": 2})
    assert "g is an abstract function" in unfitting(dense())
    assert "b has entries that are not finite" in unfitting(
        dense(activation="linear"), b=[1, np.inf, 0, 0]
    )


def test_large_sizes_are_refused_with_the_number_of_steps() -> None:
    outcome = ExactOracle(most_work=10).answer(question(dense(activation="linear")))
    assert isinstance(outcome, Unavailable)
    assert "10" in outcome.reason


def test_an_unknown_name_is_an_error() -> None:
    asked = question(dense(activation="linear"))
    with pytest.raises(ValueError, match="nothing is named dQ"):
        ExactOracle().answer(Question(asked.derivation, asked.inputs, ("dQ",)))


fractions = st.fractions(min_value=-100, max_value=100, max_denominator=50)


@st.composite
def intervals(draw: st.DrawFn) -> tuple[Rational, Fraction]:
    """An interval and a number in it."""
    low, high = sorted((draw(fractions), draw(fractions)))
    share = draw(st.fractions(min_value=0, max_value=1, max_denominator=9))
    return Rational(low, high), low + share * (high - low)


def holds(interval: Rational, value: Fraction) -> bool:
    return (interval.low is None or interval.low <= value) and (
        interval.high is None or value <= interval.high
    )


@given(intervals(), intervals(), st.integers(-3, 4))
def test_interval_arithmetic_holds_every_result(
    left: tuple[Rational, Fraction], right: tuple[Rational, Fraction], exponent: int
) -> None:
    domain = Rationals()
    (a, x), (b, y) = left, right
    assert holds(domain.total([a, b]), x + y)
    assert holds(domain.mul(a, b), x * y)
    assert holds(domain.minus(a, b), x - y)
    assert holds(domain.hull(a, b), x)
    assert holds(domain.hull(a, b), y)
    if x or exponent > 0:
        assert holds(domain.power(a, Fraction(exponent)), x**exponent)


@given(intervals())
def test_a_float_and_its_radius_cover_the_interval(pair: tuple[Rational, Fraction]) -> None:
    interval, _ = pair
    value, radius = to_floats(interval)
    assert interval.low is not None
    assert interval.high is not None
    assert Fraction(value) - Fraction(radius) <= interval.low
    assert interval.high <= Fraction(value) + Fraction(radius)


def test_numbers_beyond_float64_are_not_said() -> None:
    assert to_floats(point(Fraction(10) ** 400)) == (0.0, np.inf)
    assert to_floats(point(HALF)) == (0.5, 0.0)
