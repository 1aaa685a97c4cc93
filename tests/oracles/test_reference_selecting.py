"""Radii through positions, choices, maxima, products: honest is inside, a mistake outside."""

from typing import Any

import numpy as np
import pytest

from backproof.oracles.decide import State, decide
from backproof.oracles.products import UP
from backproof.oracles.radius import count
from backproof.oracles.reference import Bounded, reference
from backproof.spec.layer import Spec
from backproof.spec.plan import array_form
from tests.oracles.random_order import DTYPES, check_random_orders

SPECS = {
    "convolution": "Y[n,t,f] = sum[k,c](X[n,t+k,c]*W[k,c,f]) + b[f]",
    "convolution with stride": "Y[n,t,f] = sum[k,c](X[n,2*t+k,c]*W[k,c,f])",
    "convolution in the plane": "Y[t,v] = sum[k,l](X[t+k,2*v+l]*W[k,l])",
    "two convolutions": (
        "H[n,t] = max(sum[k](X[n,t+k]*w[k]), 0)\nY[n,u] = sum[j](H[n,u+2*j]*v[j])"
    ),
    "centred convolution": "Y[n,t] = sum[k]((X[n,t+k] - m[n])*w[k])^2",
    "average pooling": "axes k = 3\nY[n,t,c] = mean[k](X[n,2*t+k,c])",
    "maximum pooling": "axes k = 2\nY[n,t,c] = max[k](X[n,2*t+k,c])",
    "maximum of sums": "Y[n] = max[k](sum[i](X[n,i]*W[k,i])/3)",
    "maximum times itself": "Y[n,i] = X[n,i]*max[k](X[n,k]*c[k])",
    "relu as a maximum": "Y[n,o] = max(sum[i](X[n,i]*W[o,i]) + b[o], 0)",
    "huber": ("r[n] = y[n] - z[n]\nL = mean[n](where(abs(r[n]) < 1, r[n]^2/2, abs(r[n]) - 1/2))"),
    "branches multiplied out": (
        "Y[n] = sum[i](where(X[n,i] > c[i], X[n,i] - c[i] + 1/3, (X[n,i] + c[i])^2)*w[i])"
    ),
    "a branch that is not always real": "Y[n] = where(X[n] > 0, log(X[n])*X[n], 0)",
    "product": "y[n] = prod[k](X[n,k])",
    "product of sums": "y[n] = prod[k](X[n,k]*c[k] + 1/3)",
    "masked softmax": "A[n,k] = softmax[k](where(M[n,k] > 0, Z[n,k]/3, -1000))",
}

U = 2.0**-53
Arrays = dict[str, np.ndarray]


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: np.dtype(d).name)
@pytest.mark.parametrize("name", SPECS)
def test_random_orders_are_never_wrong(name: str, dtype: type) -> None:
    check_random_orders(name, Spec(SPECS[name]), dtype, runs=3)


def bounded(text: str, fmt: str = "float64", **inputs: object) -> dict[str, Bounded]:
    arrays = {name: np.asarray(value, np.float64) for name, value in inputs.items()}
    return reference(Spec(text).derivation, arrays, fmt)


def state(result: object, bound: Bounded) -> list[State]:
    return [State(s) for s in decide(np.asarray(result, float), bound).states.ravel()]


# ---------------------------------------------------------------- positions

CONVOLUTION = "Y[n,t,f] = sum[k,c](X[n,2*t+k,c]*W[k,c,f])"


def convolution(rng: np.random.Generator) -> Arrays:
    # n, t, f, k, c = 2, 3, 6, 4, 5, and so 2*2 + 3 + 1 = 8 places.
    shapes = {"X": (2, 8, 5), "W": (4, 5, 6), "dY": (2, 3, 6)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def honest_convolution(X: np.ndarray, W: np.ndarray, dY: np.ndarray) -> Arrays:
    patches = np.stack([X[:, k : k + 5 : 2] for k in range(4)])
    dX = np.zeros_like(X)
    for k in range(4):
        dX[:, k : k + 5 : 2] += dY @ W[k].T
    return {
        "Y": np.einsum("kntc,kcf->ntf", patches, W),
        "dW": np.einsum("kntc,ntf->kcf", patches, dY),
        "dX": dX,
    }


def test_a_position_counts_no_more_terms_than_it_picks() -> None:
    spec = Spec(CONVOLUTION)
    sizes = {"n": 2, "t": 3, "f": 6, "k": 4, "c": 5, "s": 8}
    terms = {}
    for name in ("Y", "dW", "dX"):
        target, value = spec.derivation.definition(name)
        found = count(array_form(value, target.indices), sizes, 53)
        terms[name] = found.terms
        assert found.factors == 2
        assert found.flat
    # k and c; n and t; t and f, since the place and t say which k.
    assert terms == {"Y": 20, "dW": 6, "dX": 18}


def test_a_convolution_has_the_radius_of_its_sum_of_products() -> None:
    inputs = convolution(np.random.default_rng(0))
    found = bounded(CONVOLUTION, **inputs)
    moduli = honest_convolution(**{name: np.abs(array) for name, array in inputs.items()})
    for name, terms in (("Y", 20), ("dW", 6), ("dX", 18)):
        # n u for n terms, and n halves of the smallest number; bounds are rounded up.
        assert (found[name].radius >= terms * U * moduli[name] * (1 - 2.0**-40)).all()
        assert (found[name].radius <= terms * U * moduli[name] * (1 + 2.0**-34) + 1e-300).all()
        # Twice the precision leaves about one rounding to the reference itself.
        assert (found[name].own <= 2 * U * np.abs(found[name].value) + 2.0**-90).all()


def test_a_right_convolution_is_right_and_mistakes_are_wrong() -> None:
    inputs = convolution(np.random.default_rng(1))
    found, results = bounded(CONVOLUTION, **inputs), honest_convolution(**inputs)
    for name, result in results.items():
        assert decide(result, found[name]).verdict is State.RIGHT
        assert decide(result * (1 + 2.0**-40), found[name]).verdict is State.WRONG
    mistakes = {
        "Y": honest_convolution(inputs["X"], inputs["W"][::-1], inputs["dY"])["Y"],
        "dW": results["dW"][::-1],
        "dX": np.roll(results["dX"], 1, axis=1),
    }
    for name, mistake in mistakes.items():
        assert decide(mistake, found[name]).verdict is State.WRONG


def test_a_place_that_no_position_reaches_has_gradient_zero() -> None:
    text = "Y[t] = sum[k](X[3*t+k]*w[k])"
    found = bounded(text, X=np.arange(1.0, 6.0), w=[2.0, 3.0], dY=[5.0, 7.0])
    assert found["dX"].value.tolist() == [10.0, 15.0, 0.0, 14.0, 21.0]
    assert found["dX"].radius[2] <= 2.0**-1073


def test_an_entry_that_is_not_finite_spoils_only_the_positions_that_meet_it() -> None:
    X = np.ones(5)
    X[4] = np.nan
    found = bounded("Y[t] = sum[k](X[t+k]*w[k])", X=X, w=[1.0, 2.0], dY=np.ones(4))
    assert found["Y"].demanded.tolist() == [False, False, False, True]
    assert state([3.0, 3.0, 3.0, np.nan], found["Y"]) == [State.RIGHT] * 4
    assert state([3.0, np.nan, 3.0, np.nan], found["Y"])[1] is State.WRONG


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="axis s has size 3, but a position reaches its entry 4"):
        bounded("Y[t] = sum[k](X[t+k]*w[k])", X=np.ones(3), w=np.ones(2), dY=np.ones(4))
    with pytest.raises(ValueError, match="axis k has size 2 and"):
        bounded("axes k = 2\nY[t] = sum[k](X[t+k]*w[k])", X=np.ones(5), w=np.ones(3), dY=[1, 1, 1])


def test_the_number_of_places_follows_from_the_axis_they_lie_on() -> None:
    derivation = Spec("Y[t] = sum[k](X[2*t+k]*w[k])").derivation
    inputs = {"X": np.ones(8), "w": np.ones(3)}
    found = reference(derivation, inputs, "float64", wanted=["Y"])
    assert found["Y"].value.tolist() == [3.0, 3.0, 3.0]


# ---------------------------------------------------------------- maxima

POOLING = "axes k = 2\nY[t] = max[k](X[2*t+k])"


def test_a_maximum_of_what_is_given_is_exact() -> None:
    found = bounded(POOLING, X=[1.0, 3.0, -2.0, -1.0], dY=[5.0, 7.0])
    assert not found["Y"].radius.any()
    assert found["Y"].value.tolist() == [3.0, -1.0]
    assert found["dX"].value.tolist() == [0.0, 5.0, 0.0, 7.0]
    assert state([3.0, -1.0 + 2.0**-53], found["Y"]) == [State.RIGHT, State.WRONG]
    assert state([5.0, 0.0, 0.0, 7.0], found["dX"])[:2] == [State.WRONG, State.WRONG]


def test_on_a_tie_every_share_is_right_and_nothing_beyond() -> None:
    found = bounded(POOLING, X=[2.0, 2.0, 1.0, 4.0], dY=[6.0, 7.0])
    assert found["dX"].hull.tolist() == [True, True, False, False]
    for shares in ([6.0, 0.0], [0.0, 6.0], [3.0, 3.0], [2.0, 4.0]):
        assert state([*shares, 0.0, 7.0], found["dX"]) == [State.RIGHT] * 4
    assert state([6.1, -0.1, 0.0, 7.0], found["dX"])[:2] == [State.WRONG] * 2
    assert state([np.nan, 0.0, 0.0, 7.0], found["dX"])[0] is State.WRONG


def assert_just_above(radius: Any, exact: Any) -> None:
    """A radius is its formula, each step of which is rounded up by ``UP``, at most eight times.

    The formula is itself worked out in float64: four roundings at most.
    """
    assert np.all(radius >= exact * (1.0 - 4.0 * U))
    assert np.all(radius <= exact * UP**8)


def test_a_maximum_is_off_by_what_may_be_largest_is_off_by() -> None:
    text = "Y[n] = max[k](sum[i](X[n,i]*W[k,i]))"
    X, W = np.array([[1.0, 2.0**40]]), np.array([[3.0, 0.0], [2.0**41, -1.0]])
    found = bounded(text, X=X, W=W, dY=np.ones(1))
    # Two terms of sizes 2^41 and 2^40; that the other sum is 3, with hardly an error, is no help.
    assert_just_above(found["Y"].radius[0], 2 * U * (2.0**41 + 2.0**40))
    small = bounded(text, X=X, W=-W, dY=np.ones(1))
    assert small["Y"].value[0] == -3.0
    assert small["Y"].radius[0] < 2.0**-49


def test_a_tie_within_the_radii_leaves_both_shares_open() -> None:
    text = "y = max[k](sum[i](X[k,i]))"
    third = 1.0 / 3.0
    X = np.array([[third, third, third], [1.0, 0.0, 0.0]])
    found = bounded(text, X=X, dy=1.0)
    assert found["dX"].hull.all()
    apart = bounded(text, X=X + np.array([[0.0], [2.0**-40]]), dy=1.0)
    assert apart["dX"].value.tolist() == [[0.0] * 3, [1.0] * 3]


# ---------------------------------------------------------------- choices


def test_where_has_the_radius_of_the_chosen_branch() -> None:
    text = "Y[n] = where(X[n] > 1, X[n]*a + 1/3, X[n])"
    found = bounded(text, X=[2.0, 1.0, 0.5], a=3.0, dY=np.ones(3))
    assert found["Y"].radius[0] > 0.0
    # At 1 the statement says which branch; no sum and no product is in it.
    assert found["Y"].radius[1:].tolist() == [0.0, 0.0]
    assert found["Y"].value[1:].tolist() == [1.0, 0.5]


def test_at_the_kink_of_a_derivative_either_branch_is_right() -> None:
    found = bounded("Y[n] = where(X[n] > 0, 5*X[n], X[n]/4)", X=[0.0, 1.0], dY=[2.0, 2.0])
    for value in (0.5, 10.0, 4.0):
        assert state([value, 10.0], found["dX"]) == [State.RIGHT] * 2
    for value in (0.25, 10.5, np.nan):
        assert state([value, 10.0], found["dX"])[0] is State.WRONG


def test_a_mask_has_no_kink() -> None:
    text = "Y[n] = where(M[n] > 0, X[n], -1000)"
    found = bounded(text, M=[0.0, 1.0], X=[3.0, 4.0], dY=[5.0, 7.0])
    assert state([-1000.0, 4.0], found["Y"]) == [State.RIGHT] * 2
    assert state([3.0, 4.0], found["Y"])[0] is State.WRONG
    assert state([0.0, 7.0], found["dX"]) == [State.RIGHT] * 2
    assert state([5.0, 7.0], found["dX"])[0] is State.WRONG


def test_a_branch_that_is_not_chosen_leaves_no_trace() -> None:
    found = bounded("Y[n] = where(X[n] > 0, log(X[n]), 0)", X=[-1.0, 1.0], dY=[1.0, 1.0])
    assert state([0.0, 0.0], found["Y"]) == [State.RIGHT] * 2
    assert state([np.nan, 0.0], found["Y"])[0] is State.WRONG
    assert state([0.0, 1.0], found["dX"]) == [State.RIGHT] * 2


def test_an_input_that_is_not_finite_may_be_masked_by_a_product() -> None:
    found = bounded("Y[n] = where(X[n] > 0, X[n]*a[n], 0)", X=[-1.0], a=[np.inf], dY=[1.0])
    for value in (0.0, np.nan):
        assert state([value], found["Y"]) == [State.UNDECIDED]


def test_branches_may_be_multiplied_out() -> None:
    # Nearly all of a branch cancels; multiplied out, its parts are rounded.
    text = "L = sum[n](where(m[n] > 0, x[n] - y[n], 0)*w[n])"
    x, y, w = np.float32(1.0), np.float32(1.0 - 2.0**-20), np.float32(1.0 / 3.0)
    found = bounded(text, "float32", m=[1.0], x=[x], y=[y], w=[w])["L"]
    assert abs((w - y * w) - (x - y) * w) > 2.0**-24 * (x - y)
    assert state(w - y * w, found) == [State.RIGHT]
    assert state((w - y * w) * 1.5, found) == [State.WRONG]


def test_a_comparison_of_given_numbers_is_exact() -> None:
    text = "Y[n] = where(x[n] > y[n], x[n], -y[n])"
    x, y = np.array([1.0 + 2.0**-52, 1.0, 2.0**-1074]), np.array([1.0, 1.0, 0.0])
    found = bounded(text, x=x, y=y, dY=np.ones(3))
    assert not found["Y"].radius.any()
    assert found["Y"].value.tolist() == [x[0], -1.0, x[2]]
    # Where the two agree, a derivative by either jumps.
    assert found["dx"].hull.tolist() == [False, True, False]


# ---------------------------------------------------------------- products

PRODUCT = "y = prod[k](x[k])"


def test_a_product_makes_one_rounding_less_than_it_has_factors() -> None:
    x = np.array([3.0, 5.0, 7.0, 0.1])
    found = bounded(PRODUCT, x=x, dy=1.0)
    assert_just_above(found["y"].radius, 3 * U * np.prod(x))
    # All but one: as many roundings, with a quotient, as there are factors; y is a loss, dy is 1.
    others = np.array([np.prod(np.delete(x, k)) for k in range(4)])
    assert_just_above(found["dx"].radius, 4 * U * others)


def test_all_factors_but_one_by_quotients_or_without_them() -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal(9)
    found = bounded(PRODUCT, x=x, dy=1.0)["dx"]
    quotients = np.prod(x) / x
    assert state(quotients, found) == [State.RIGHT] * 9
    assert state([np.prod(np.delete(x, k)) for k in range(9)], found) == [State.RIGHT] * 9
    assert state(quotients * (1 + 2.0**-48), found) == [State.WRONG] * 9


def test_a_quotient_by_zero_is_wrong() -> None:
    x = np.array([2.0, 0.0, 5.0])
    found = bounded(PRODUCT, x=x, dy=1.0)
    with np.errstate(all="ignore"):
        quotients = np.prod(x) / x
    assert state(found["y"].value, found["y"]) == [State.RIGHT]
    assert state(quotients, found["dx"]) == [State.RIGHT, State.WRONG, State.RIGHT]
    assert state([0.0, 10.0, 0.0], found["dx"]) == [State.RIGHT] * 3


def test_a_quotient_by_what_makes_the_product_underflow_is_wrong() -> None:
    x = np.array([2.0**-1060, 3.0, 2.0**-20])
    found = bounded(PRODUCT, x=x, dy=1.0)["dx"]
    assert state([3 * 2.0**-20, 2.0**-1074, 3 * 2.0**-1060], found)[0] is State.RIGHT
    assert state(np.prod(x) / x, found)[0] is State.WRONG


def test_a_product_that_overflows_on_the_way_is_left_open() -> None:
    x = np.array([300.0, 300.0, 1.0 / 4.0, 1.0 / 8.0])
    found = bounded(PRODUCT, "float16", x=x, dy=1.0)["y"]
    assert found.overflow
    assert decide(np.float16(np.inf), found).verdict is State.UNDECIDED
    assert decide(np.float16(300 * 300 / 32), found).verdict is State.RIGHT
