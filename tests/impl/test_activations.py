"""Activations against ball arithmetic, and the contracts of their arrays.

The accuracy bounds are those of a forward error analysis with elementary functions that are right
to k = 8 unit roundoffs: for values, 8u |g(z)| + 2 tiny max(1, |z|); for derivatives, which layers
multiply into sums, 8u max(1, |z|) + 2 tiny max(1, |z|). tiny is the smallest normal number, u the
unit roundoff. For gelu and silu the bound on values is stricter than an analysis of the usual
formulas allows: no absolute term in u.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from backproof.impl import activations
from backproof.impl.activations import (
    ACTIVATIONS,
    gelu,
    log_softmax,
    logsumexp,
    sigmoid,
    silu,
    softmax,
    softplus,
)

pytestmark = pytest.mark.usefixtures("high_precision")

DTYPES = (np.float64, np.float32, np.float16)
ELEMENTWISE = [name for name in ACTIVATIONS if name != "softmax"]
# Piecewise linear: right to the last bit, apart from leaky_relu's slope.
EXACT = ("linear", "relu", "abs", "sign")


def unit_roundoff(dtype):
    return Fraction(1, 2 ** (np.finfo(dtype).nmant + 1))


def tiny(dtype):
    return Fraction(float(np.finfo(dtype).tiny))


def logistic(z):
    # exp of the largest float64 is beyond what ball arithmetic encloses.
    return 1 / (1 + (-z).exp()) if z > 0 else z.exp() / (1 + z.exp())


def normal_probability(z):
    return (-z / arb(2).sqrt()).erfc() / 2


def normal_density(z):
    return (-z * z / 2).exp() / (2 * arb.pi()).sqrt()


def piecewise(negative, zero, positive):
    return lambda z: positive(z) if z > 0 else negative(z) if z < 0 else zero


# Name: the function and its derivative, from real numbers to enclosures of real numbers.
EXACT_VALUES = {
    "linear": (lambda z: z, lambda z: arb(1)),
    "sigmoid": (logistic, lambda z: logistic(z) * logistic(-z)),
    "tanh": (lambda z: z.tanh(), lambda z: 4 * logistic(2 * z) * logistic(-2 * z)),
    "relu": (
        piecewise(lambda z: arb(0), arb(0), lambda z: z),
        piecewise(lambda z: arb(0), arb(0), lambda z: arb(1)),
    ),
    "leaky_relu": (
        piecewise(lambda z: z / 100, arb(0), lambda z: z),
        piecewise(lambda z: arb(1) / 100, arb(1) / 100, lambda z: arb(1)),
    ),
    "elu": (
        piecewise(lambda z: z.expm1(), arb(0), lambda z: z),
        piecewise(lambda z: z.exp(), arb(1), lambda z: arb(1)),
    ),
    "softplus": (
        piecewise(lambda z: z.exp().log1p(), arb(2).log(), lambda z: z + (-z).exp().log1p()),
        logistic,
    ),
    "silu": (lambda z: z * logistic(z), lambda z: logistic(z) * (1 + z * logistic(-z))),
    "gelu": (
        lambda z: z * normal_probability(z),
        lambda z: normal_probability(z) + z * normal_density(z),
    ),
    "erf": (lambda z: z.erf(), lambda z: 2 * (-z * z).exp() / arb.pi().sqrt()),
    "exp": (lambda z: z.exp(), lambda z: z.exp()),
    "abs": (
        piecewise(lambda z: -z, arb(0), lambda z: z),
        piecewise(lambda z: arb(-1), arb(0), lambda z: arb(1)),
    ),
    "sign": (
        piecewise(lambda z: arb(-1), arb(0), lambda z: arb(1)),
        lambda z: arb(0),
    ),
}


def points(dtype, name):
    """Returns arguments: dense where functions bend, in both tails, at the format's limits."""
    rng = np.random.default_rng(3)
    limits = np.finfo(dtype)
    magnitudes = [
        np.exp2(rng.uniform(-30, 3, 300)),
        [0, limits.smallest_subnormal, limits.tiny, limits.eps, 1, limits.max],
    ]
    z = np.concatenate(
        [
            rng.uniform(-4, 4, 1200),
            rng.uniform(-16, 16, 600),
            rng.uniform(-110, 110, 400),
            rng.uniform(-760, 760, 400),
            *magnitudes,
            *(-np.asarray(each) for each in magnitudes),
        ]
    ).astype(dtype)
    if name == "exp":
        z = z[z < math.log(float(limits.max))]
    return np.unique(z)


def assert_within(values, exact, bound, z):
    """Asserts |value - exact| <= bound, all three as real numbers."""
    wrong = [
        (float(each), float(value))
        for each, value in zip(z, values, strict=True)
        if not abs(arb(float(value)) - exact(each)) <= bound(each)
    ]

    assert wrong == []


def ball(fraction):
    return arb(fraction.numerator) / arb(fraction.denominator)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_values_are_right_to_eight_unit_roundoffs(name, dtype):
    z = points(dtype, name)
    exact, _ = EXACT_VALUES[name]
    k = 0 if name in EXACT else 2 if name == "leaky_relu" else 8
    relative, absolute = ball(k * unit_roundoff(dtype)), ball(2 * tiny(dtype)) if k else arb(0)

    def bound(each):
        return relative * abs(exact(arb(float(each)))) + absolute * max(1.0, abs(float(each)))

    assert_within(ACTIVATIONS[name](z), lambda each: exact(arb(float(each))), bound, z)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivatives_are_right_to_eight_unit_roundoffs(name, dtype):
    z = points(dtype, name)
    _, exact = EXACT_VALUES[name]
    unit = ball(8 * unit_roundoff(dtype) + 2 * tiny(dtype))

    def bound(each):
        # exp is its own derivative, and so unbounded: its error can only be relative.
        size = exact(arb(float(each))) if name == "exp" else arb(0)
        return unit * max(1.0, abs(float(each))) + ball(8 * unit_roundoff(dtype)) * size

    assert_within(ACTIVATIONS[name].derivative(z), lambda each: exact(arb(float(each))), bound, z)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "elu", "softplus", "exp", "erf"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_monotone_activations_have_derivatives_with_right_tails(name, dtype):
    """Relative, not absolute: the exponential's 8u, and 8u for the few operations around it."""
    z = points(dtype, name)
    _, exact = EXACT_VALUES[name]
    relative, absolute = ball(16 * unit_roundoff(dtype)), ball(2 * tiny(dtype))

    def bound(each):
        return relative * exact(arb(float(each))) + absolute

    assert_within(ACTIVATIONS[name].derivative(z), lambda each: exact(arb(float(each))), bound, z)


def test_tails_keep_their_digits():
    z = np.array([-745.0])

    assert sigmoid(z) > 0
    assert softplus(z) > 0
    assert silu(z) < 0
    assert gelu(np.array([-37.0])) < 0
    assert sigmoid(np.array([-103.0], np.float32)) > 0
    assert sigmoid(np.array([-16.0], np.float16)) > 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if name != "exp"])
def test_no_finite_argument_raises_a_floating_point_exception(name, dtype):
    z = points(dtype, name)
    activation = ACTIVATIONS[name]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        results = [activation(z), activation.derivative(z), activation.vjp(np.ones_like(z), z)]

    assert all(np.isfinite(result).all() for result in results)


# Name: the limits of the function and of its derivative, at minus and at plus infinity.
LIMITS = {
    "linear": (-np.inf, np.inf, 1, 1),
    "sigmoid": (0, 1, 0, 0),
    "tanh": (-1, 1, 0, 0),
    "relu": (0, np.inf, 0, 1),
    "leaky_relu": (-np.inf, np.inf, 0.01, 1),
    "elu": (-1, np.inf, 0, 1),
    "softplus": (0, np.inf, 0, 1),
    "silu": (0, np.inf, 0, 1),
    "gelu": (0, np.inf, 0, 1),
    "erf": (-1, 1, 0, 0),
    "exp": (0, np.inf, 0, np.inf),
    "abs": (np.inf, np.inf, -1, 1),
    "sign": (-1, 1, 0, 0),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_infinite_arguments_give_limits(name, dtype):
    z = np.array([-np.inf, np.inf], dtype)
    low, high, low_slope, high_slope = LIMITS[name]

    assert np.array_equal(ACTIVATIONS[name](z), np.array([low, high], dtype))
    assert np.array_equal(ACTIVATIONS[name].derivative(z), np.array([low_slope, high_slope], dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_nan_gives_nan_where_it_stands_and_nowhere_else(name, dtype):
    z = np.array([1, np.nan, -2], dtype)
    nan_at = np.array([False, True, False])

    assert np.array_equal(np.isnan(ACTIVATIONS[name](z)), nan_at)
    if name != "linear":
        assert np.array_equal(np.isnan(ACTIVATIONS[name].derivative(z)), nan_at)


def test_kinks_have_the_derivative_from_the_left_or_zero():
    zero = np.zeros(1)

    assert ACTIVATIONS["relu"].derivative(zero) == 0
    assert ACTIVATIONS["leaky_relu"].derivative(zero) == 0.01
    assert ACTIVATIONS["abs"].derivative(zero) == 0
    assert ACTIVATIONS["sign"].derivative(zero) == 0
    assert ACTIVATIONS["elu"].derivative(zero) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_arrays_keep_dtype_and_shape_and_are_neither_changed_nor_returned(name, dtype):
    activation = ACTIVATIONS[name]
    z = np.array([[-1.5, 0, 2], [0.25, -3, 1]], dtype)
    dA = np.array([[1, -2, 0.5], [3, 1, -1]], dtype)
    A = activation(z)
    arguments = {"z": z, "dA": dA, "A": A}
    before = {key: array.tobytes() for key, array in arguments.items()}
    results = [activation(z), activation.vjp(dA, z), activation.vjp(dA, z, A)]
    if name != "softmax":
        results.append(activation.derivative(z))

    assert {key: array.tobytes() for key, array in arguments.items()} == before
    for result in results:
        assert (result.dtype, result.shape) == (z.dtype, z.shape)
        assert not any(np.shares_memory(result, array) for array in arguments.values())
    for one, other in itertools.combinations(results, 2):
        assert not np.shares_memory(one, other)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_vjp_multiplies_by_the_derivative(name):
    z = np.array([-1.5, 0, 2, 0.25])
    dA = np.array([1, -2, 0.5, 3])

    assert np.array_equal(ACTIVATIONS[name].vjp(dA, z), dA * ACTIVATIONS[name].derivative(z))


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_entries_are_named_as_they_are_found(name):
    assert ACTIVATIONS[name].name == name


def test_every_public_name_of_the_module_exists():
    assert set(activations.__all__) <= set(dir(activations))


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_other_numbers(name):
    """Integers count as float64, as for NumPy's functions; a scalar gives a scalar."""
    activation = ACTIVATIONS[name]

    assert np.array_equal(activation(np.array([[1, 2]])), activation(np.array([[1.0, 2.0]])))
    assert isinstance(activation(np.float32(0.5)), np.float32)
    assert isinstance(activation(0.5), np.float64)
    with pytest.raises(TypeError, match=r"^Z: expected .*, found dtype complex128; "):
        activation(np.array([1j]))


# Functions along an axis


def exact_softmax(z):
    """Returns the exponents, below 0, and the probabilities, as enclosures."""
    shifts = [arb(float(each)) - arb(float(z.max())) for each in z]
    terms = [shift.exp() for shift in shifts]
    total = sum(terms, arb(0))
    return shifts, [term / total for term in terms], total


rows_of_logits = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        st.integers(1, 9),
        elements=st.floats(-1000, 1000, width=np.finfo(dtype).bits),
    )
)


@settings(deadline=None)
@given(rows_of_logits)
def test_softmax_family_is_right_to_the_bound(z):
    """Bounds for C terms with exponents s = z - max, derived step by step.

    s is right to u|s|, which its exponential turns into the relative error u|s|, beside the 8u of
    exp itself; the sum adds u(C - 1), and to its relative error the terms add their own, weighted
    by p: u sum(p|s|). The quotient adds u. In all, u(C + 12 + |s| + sum p|s|) leaves 4u for second
    order. A logarithm turns relative errors into absolute ones and adds 8u of itself, which is at
    most log C; the last addition rounds the result.
    """
    C, u, small = len(z), ball(unit_roundoff(z.dtype)), ball(2 * tiny(z.dtype))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        results = softmax(z), log_softmax(z), logsumexp(z)
    shifts, probabilities, total = exact_softmax(z)
    spread = sum((p * abs(s) for p, s in zip(probabilities, shifts, strict=True)), arb(0))
    logarithm = total.log()
    common = C + 12 + spread
    for value, p, s in zip(results[0], probabilities, shifts, strict=True):
        assert abs(arb(float(value)) - p) <= u * (common + abs(s)) * p + small
    for value, s in zip(results[1], shifts, strict=True):
        exact = s - logarithm
        slack = u * (common + abs(s) + 8 * logarithm + 2 * abs(exact)) + small
        assert abs(arb(float(value)) - exact) <= slack
    exact = logarithm + arb(float(z.max()))
    slack = u * (common + 8 * logarithm + 2 * abs(exact)) + small
    assert abs(arb(float(results[2])) - exact) <= slack


def test_softmax_of_equal_logits_is_exact():
    z = np.full((2, 4), 1e300)

    assert np.array_equal(softmax(z), np.full((2, 4), 0.25))
    assert np.array_equal(softmax(z, 0), np.full((2, 4), 0.5))


def test_softmax_family_at_infinity_and_without_terms():
    z = np.array([-np.inf, 3.0, -np.inf])

    assert np.array_equal(softmax(z), [0, 1, 0])
    assert np.array_equal(log_softmax(z), [-np.inf, 0, -np.inf])
    assert logsumexp(z) == 3
    assert logsumexp(np.array([-np.inf, -np.inf])) == -np.inf
    assert logsumexp(np.array([np.inf, 1.0])) == np.inf
    assert logsumexp(np.zeros((2, 0))).tolist() == [-np.inf, -np.inf]
    assert softmax(np.zeros((2, 0))).shape == (2, 0)
    assert softmax(np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("function", [softmax, log_softmax, logsumexp])
def test_opposite_extremes_do_not_overflow(function):
    largest = np.finfo(np.float64).max
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        result = function(np.array([largest, -largest]))

    expected = {softmax: [1, 0], log_softmax: [0, -np.inf], logsumexp: largest}
    assert np.array_equal(result, expected[function])


def test_logsumexp_can_keep_the_axis():
    z = np.zeros((3, 4, 5))

    assert logsumexp(z, 1).shape == (3, 5)
    assert logsumexp(z, 1, keepdims=True).shape == (3, 1, 5)


def test_softmax_vjp_worked_by_hand():
    """With z = 0, p = (1/2, 1/2): dZ = p (dA - sum(p dA)) = (1/2)(3 - 2), (1/2)(1 - 2)."""
    z, dA = np.zeros((1, 2)), np.array([[3.0, 1.0]])

    assert ACTIVATIONS["softmax"].vjp(dA, z).tolist() == [[0.5, -0.5]]
    assert ACTIVATIONS["softmax"].vjp(dA.T, z.T, axis=0).tolist() == [[0.5], [-0.5]]


def test_softmax_has_no_elementwise_derivative():
    with pytest.raises(TypeError, match=r"^activation: expected an elementwise activation, found"):
        ACTIVATIONS["softmax"].derivative(np.zeros((1, 2)))
