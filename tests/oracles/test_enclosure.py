from fractions import Fraction

import flint
import numpy as np
import pytest

from backproof.oracles.balls import Balls, downwards, precision, sharp, to_floats, upwards
from backproof.oracles.enclosure import EnclosureOracle
from backproof.oracles.exact import ExactOracle
from backproof.oracles.outcome import Question, Unavailable
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts, named, network
from tests.oracles.layer_questions import (
    LIBRARY,
    answered,
    contains,
    integers,
    intersects,
    normal,
    question,
)

KINKED = {"relu": (0.0, 1.0), "leaky_relu": (0.01, 1.0), "abs": (-1.0, 1.0), "elu": (1.0, 1.0)}


@pytest.mark.parametrize("draw", [normal, integers])
@pytest.mark.parametrize("activation", ["linear", "relu", "leaky_relu", "abs"])
@pytest.mark.parametrize("layout", layouts())
def test_rational_layers_are_enclosed_exactly(layout: str, activation: str, draw: object) -> None:
    asked = question(dense(layout=layout, activation=activation), draw=draw)
    enclosed, exact = answered(EnclosureOracle(), asked), answered(ExactOracle(), asked)
    for name in asked.wanted:
        # Both give the float64 nearest to the same number; the hull at a kink is the same too.
        assert np.array_equal(enclosed.values[name], exact.values[name])
        assert contains(enclosed, exact, name)


def test_the_rational_loss_is_enclosed_exactly() -> None:
    asked = question(named("mean_squared_error"))
    enclosed, exact = answered(EnclosureOracle(), asked), answered(ExactOracle(), asked)
    for name in asked.wanted:
        assert np.array_equal(enclosed.values[name], exact.values[name])
        assert contains(enclosed, exact, name)


@pytest.mark.parametrize("title", LIBRARY)
def test_a_radius_is_under_three_quarters_of_an_ulp(title: str) -> None:
    got = answered(EnclosureOracle(), LIBRARY[title])
    for name in LIBRARY[title].wanted:
        # A quarter for the ball, half for the nearest float64 to its middle.
        assert (got.radii[name] <= 0.75 * np.abs(np.spacing(got.values[name]))).all()


@pytest.mark.parametrize("activation", KINKED)
def test_at_a_kink_the_hull_of_both_sides(activation: str) -> None:
    low, high = KINKED[activation]
    asked = question(dense(activation=activation), X=np.zeros((2, 3)), b=np.zeros(4))
    got = answered(EnclosureOracle(), asked)
    dA = asked.inputs["dA"]
    ends = np.stack([low * dA, high * dA])
    assert (got.lower("dZ") <= ends.min(axis=0)).all()
    assert (got.upper("dZ") >= ends.max(axis=0)).all()
    # No wider than the hull, up to the rounding of a radius, which Arb keeps in 30 bits.
    width = np.abs(dA) * (high - low)
    assert (2 * got.radii["dZ"] <= width * (1 + 2.0**-20)).all()


def test_near_a_kink_more_bits_decide() -> None:
    # The exact Z is 2^-200 or -2^-200: at 128 bits the sums still contain zero.
    tiny, huge = 2.0**-200, 2.0**120
    asked = question(
        dense(activation="relu"),
        sizes={"samples": 2, "inputs": 3, "outputs": 1},
        X=[[huge, tiny, -huge], [huge, -tiny, -huge]],
        W=[[1, 1, 1]],
        b=[0],
        dA=[[3], [5]],
    )
    got = answered(EnclosureOracle(), asked)
    assert got.values["Z"].tolist() == [[tiny], [-tiny]]
    assert got.values["dZ"].tolist() == [[3.0], [0.0]]
    assert got.radii["dZ"].tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize("z", [40.0, 300.0, 700.0, -40.0, -300.0, -700.0])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "erf", "softplus", "gelu", "silu"])
def test_tails_lose_no_digit(activation: str, z: float) -> None:
    sizes = {"samples": 1, "inputs": 1, "outputs": 1}
    asked = question(dense(activation=activation), sizes=sizes, X=[[z]], W=[[1]], b=[0], dA=[[1]])
    got = answered(EnclosureOracle(), asked)
    for name in asked.wanted:
        assert (got.radii[name] <= 0.75 * np.abs(np.spacing(got.values[name]))).all()


def test_softmax_of_far_apart_values() -> None:
    asked = question(
        Spec("axes n: samples, o: outputs\nA[n,o] = softmax[o](Z[n,o])\n"),
        sizes={"samples": 1, "outputs": 3},
        Z=[[1e6, 0.0, 1e6]],
        dA=[[1, 2, 3]],
    )
    got = answered(EnclosureOracle(), asked)
    # exp(-1e6) is positive and under every float64: half and half, off by less than an ulp.
    assert got.values["A"].tolist() == [[0.5, 0.0, 0.5]]
    assert got.values["dZ"].tolist() == [[-0.5, 0.0, 0.5]]


def test_what_no_float_is_near_is_not_said() -> None:
    spec = Spec("y[n] = exp(x[n])")
    got = answered(
        EnclosureOracle(), question(spec, sizes={"": 3}, x=[1e3, 1e300, 0], dy=[1, 1, 1])
    )
    assert got.radii["y"].tolist() == [np.inf, np.inf, 0.0]
    assert got.values["y"].tolist() == [0.0, 0.0, 1.0]


def test_outside_of_the_domain_nothing_is_said() -> None:
    spec = Spec("y[n] = log(x[n]) + sqrt(x[n])")
    got = answered(EnclosureOracle(), question(spec, sizes={"": 3}, x=[-1, 0, 4], dy=[1, 1, 1]))
    assert got.radii["y"].tolist()[:2] == [np.inf, np.inf]
    assert got.values["dx"][2] == 0.5


@pytest.mark.parametrize("name", ["Z", "A", "dZ", "dW", "dX", "db"])
def test_chosen_entries_are_the_entries_of_the_whole(name: str) -> None:
    asked = LIBRARY["ni,io->no gelu"]
    whole = answered(EnclosureOracle(), asked)
    places = list(np.ndindex(whole.values[name].shape))[::-2]
    some = EnclosureOracle(most_work=0).entries(asked, name, places)
    assert not isinstance(some, Unavailable)
    assert some.values[name].tolist() == [whole.values[name][place] for place in places]
    assert some.radii[name].tolist() == [whole.radii[name][place] for place in places]


def test_one_entry_of_a_large_layer() -> None:
    sizes = {"samples": 200, "inputs": 300, "outputs": 100}
    asked = question(dense(activation="sigmoid"), sizes=sizes)
    refused = EnclosureOracle().answer(asked)
    assert isinstance(refused, Unavailable)
    assert "single entries" in refused.reason
    some = EnclosureOracle().entries(asked, "dW", [(7, 11)])
    assert not isinstance(some, Unavailable)
    assert 0 < some.radii["dW"][0] <= 0.75 * abs(np.spacing(some.values["dW"][0]))


def test_an_entry_of_a_deep_network_fits_the_stack() -> None:
    deep = network(60, activation="tanh")
    sizes = {axis.role: 2 for axis in deep.program.axes.values()}
    asked = question(deep, sizes=sizes)
    some = EnclosureOracle().entries(asked, "dX", [(1, 0)])
    assert not isinstance(some, Unavailable)
    assert some.radii["dX"][0] <= 0.75 * abs(np.spacing(some.values["dX"][0]))


def test_places_outside_of_the_array_are_errors() -> None:
    asked = LIBRARY["ni,io->no tanh"]
    with pytest.raises(IndexError, match=r"dW of shape \(3, 4\) has no entry \(3, 0\)"):
        EnclosureOracle().entries(asked, "dW", [(0, 0), (3, 0)])
    with pytest.raises(ValueError, match="nothing is named Q"):
        EnclosureOracle().entries(asked, "Q", [(0, 0)])


def test_abstract_functions_and_broken_inputs_are_refused() -> None:
    abstract = EnclosureOracle().answer(question(dense()))
    assert isinstance(abstract, Unavailable)
    assert "g is an abstract function" in abstract.reason
    broken = EnclosureOracle().answer(question(dense(activation="tanh"), b=[np.nan, 0, 0, 0]))
    assert isinstance(broken, Unavailable)
    assert "b has entries that are not finite" in broken.reason


def test_an_empty_batch_has_empty_values_and_zero_gradients() -> None:
    asked = question(dense(activation="tanh"), sizes={"samples": 0, "inputs": 3, "outputs": 4})
    got = answered(EnclosureOracle(), asked)
    assert got.values["Z"].shape == (0, 4)
    assert not got.values["dW"].any()
    assert not got.radii["dW"].any()


def test_a_diagonal_a_delta_and_a_derivative_in_a_statement() -> None:
    # By hand: y_n = M_nn tanh'(x_n) + sum_k delta(n,k) x_k^3; at x = 0, tanh' = 1 - tanh^2 = 1.
    spec = Spec("y[n] = M[n,n]*tanh'(x[n]) + sum[k](delta[n,k]*x[k]^3)")
    asked = question(spec, sizes={"": 2}, M=[[2, 3], [5, 7]], x=[0, 0], dy=[1, 10])
    got = answered(EnclosureOracle(), asked)
    assert got.values["y"].tolist() == [2.0, 7.0]
    assert got.values["dM"].tolist() == [[1.0, 0.0], [0.0, 10.0]]
    # tanh'' = -2 tanh tanh' is 0 at 0, and so is 3 x^2.
    assert got.values["dx"].tolist() == [0.0, 0.0]


def test_the_working_precision_is_put_back() -> None:
    before = flint.ctx.prec, flint.ctx.cap
    answered(EnclosureOracle(), LIBRARY["ni,io->no tanh"])
    assert (flint.ctx.prec, flint.ctx.cap) == before


def test_ends_of_a_ball_in_float64() -> None:
    with precision(128):
        third = flint.arb(1) / 3
        assert Fraction(downwards(third)) < Fraction(1, 3) < Fraction(upwards(third))
        assert np.nextafter(downwards(third), 1) == upwards(third)
        assert (downwards(flint.arb(0.5)), upwards(flint.arb(0.5))) == (0.5, 0.5)
        assert (downwards(flint.arb.nan()), upwards(flint.arb.nan())) == (-np.inf, np.inf)
        assert upwards(flint.arb(2) ** -2000) == 5e-324
        assert to_floats(flint.arb(2) ** -2000) == (0.0, 5e-324)
        assert sharp(third)
        assert not sharp(flint.arb(1, 2.0**-50))


def test_half_of_a_ball_on_either_side_of_a_kink() -> None:
    with precision(128):
        lower, upper = Balls().halves(flint.arb(1, 3), Fraction(0))
        assert lower.contains(-2)
        assert not lower.contains(1)
        assert upper.contains(4)
        assert not upper.contains(-1)


def test_the_same_layer_in_two_layouts_gives_the_same_numbers() -> None:
    rows = LIBRARY["ni,oi->no sigmoid"]
    turned = {
        "X": rows.inputs["X"].T,
        "W": rows.inputs["W"],
        "b": rows.inputs["b"],
        "dA": rows.inputs["dA"].T,
    }
    columns = dense(layout="oi,in->on", activation="sigmoid").derivation
    left = answered(EnclosureOracle(), rows)
    right = answered(EnclosureOracle(), Question(columns, turned, rows.wanted))
    for name in ("dW", "db"):
        assert intersects(left, right, name)
    for name in ("Z", "A", "dZ", "dX"):
        assert np.array_equal(left.values[name], right.values[name].T)
