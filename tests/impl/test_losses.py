from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from backproof.impl import binary_cross_entropy, mean_squared_error, softmax_cross_entropy

pytestmark = pytest.mark.usefixtures("high_precision")

DTYPES = (np.float64, np.float32, np.float16)
LOSSES = (mean_squared_error, binary_cross_entropy, softmax_cross_entropy)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_loss = pytest.mark.parametrize("function", LOSSES)


def unit_roundoff(dtype):
    return Fraction(1, 2 ** (np.finfo(dtype).nmant + 1))


def ball(number):
    fraction = Fraction(number)
    return arb(fraction.numerator) / fraction.denominator


def smallest(dtype):
    return ball(float(np.finfo(dtype).tiny))


# Cases worked by hand


@every_dtype
def test_mean_squared_error_by_hand(dtype):
    """Differences 1, -2, 0, 3: the mean of the squares is 14/4, the gradient half of each."""
    A = np.array([[1, 2], [3, 5]], dtype)
    Y = np.array([[0, 4], [3, 2]], dtype)
    loss, gradient = mean_squared_error(A, Y)

    assert loss == 3.5
    assert gradient.tolist() == [[0.5, -1], [0, 1.5]]


@every_dtype
def test_binary_cross_entropy_gradient_by_hand(dtype):
    """(A - Y) / (A (1 - A)) / 4 at A = 1/2 with Y = 0, 1, 1/2, and at A = 1/4 with Y = 1."""
    A = np.array([[0.5, 0.5], [0.5, 0.25]], dtype)
    Y = np.array([[0, 1], [0.5, 1]], dtype)

    assert binary_cross_entropy(A, Y).gradient.tolist() == [[0.5, -0.5], [0, -1]]


def test_binary_cross_entropy_where_a_probability_is_certain():
    """Right: no loss, and the one-sided derivative. Wrong: both infinite. Never NaN, no warning."""
    right = binary_cross_entropy(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    wrong = binary_cross_entropy(np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    halfway = binary_cross_entropy(np.array([0.0, 1.0]), np.array([0.5, 0.5]))

    assert right.loss == 0
    assert right.gradient.tolist() == [0.5, -0.5]
    assert wrong.loss == halfway.loss == np.inf
    assert wrong.gradient.tolist() == halfway.gradient.tolist() == [-np.inf, np.inf]


@every_dtype
@pytest.mark.parametrize("axis", [-1, 0])
def test_softmax_cross_entropy_gradient_by_hand(dtype, axis):
    """Equal logits give 1/2 each. Targets (1, 0) and (3, 5), with sums 1 and 8, in two samples:
    (1/2 - 1, 1/2) / 2 and (8/2 - 3, 8/2 - 5) / 2.
    """
    Z = np.full((2, 2), 7, dtype)
    Y = np.array([[1, 0], [3, 5]], dtype)
    expected = np.array([[-0.25, 0.25], [0.5, -0.5]])
    if axis == 0:
        Y, expected = Y.T, expected.T

    assert np.array_equal(softmax_cross_entropy(Z, Y, axis).gradient, expected)


def test_softmax_cross_entropy_of_extreme_logits():
    """Logits of +-1e308 and minus infinity overflow nothing; a target of 0 hides any logarithm."""
    Z = np.array([[1e308, -1e308], [2, -np.inf]])
    Y = np.array([[1.0, 0.0], [1.0, 0.0]])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, gradient = softmax_cross_entropy(Z, Y)

    assert loss == 0
    assert np.array_equal(gradient, np.zeros((2, 2)))


# Rounding


@every_dtype
def test_mean_squared_error_keeps_its_bound(dtype):
    """The gradient rounds twice; each square takes 3u, their sum 11u, the mean and the result 2u.

    One u more covers the second order of either.
    """
    rng = np.random.default_rng(0)
    A, Y = (rng.standard_normal((3, 4)).astype(dtype) for _ in range(2))
    loss, gradient = mean_squared_error(A, Y)
    u, eta = unit_roundoff(dtype), Fraction(float(np.finfo(dtype).smallest_subnormal))
    differences = [
        Fraction(float(a)) - Fraction(float(y)) for a, y in zip(A.flat, Y.flat, strict=True)
    ]
    exact = sum(difference**2 for difference in differences) / 12

    assert abs(Fraction(float(loss)) - exact) <= 17 * u * exact + eta
    for value, difference in zip(gradient.flat, differences, strict=True):
        assert abs(Fraction(float(value)) - difference / 6) <= 3 * u * abs(difference / 6) + eta


@every_dtype
def test_binary_cross_entropy_keeps_its_bound(dtype):
    """The gradient rounds at most five times: A - Y, two quotients, 1 - A and the mean.

    The loss is a sum of 24 terms of one sign, each with 8u for its logarithm, and for 1 - Y and
    the product u each: with the sum's 23u, the mean and the result 35u. One u covers second order.
    """
    rng = np.random.default_rng(1)
    A = rng.uniform(0.01, 0.99, (3, 4)).astype(dtype)
    Y = np.concatenate([np.zeros((1, 4)), np.ones((1, 4)), rng.uniform(size=(1, 4))]).astype(dtype)
    loss, gradient = binary_cross_entropy(A, Y)
    u, tiny = ball(unit_roundoff(dtype)), smallest(dtype)
    exact = arb(0)
    for a, y, value in zip(A.flat, Y.flat, gradient.flat, strict=True):
        a, y, value = arb(float(a)), arb(float(y)), arb(float(value))
        exact -= y * a.log() + (1 - y) * (1 - a).log()
        slope = (a - y) / (a * (1 - a)) / 12
        assert abs(value - slope) <= 6 * u * abs(slope) + tiny

    assert abs(arb(float(loss)) - exact / 12) <= 36 * u * exact / 12 + tiny


def test_binary_cross_entropy_of_a_tiny_probability_keeps_its_digits():
    """-log(1 - a) = a + a^2/2 + ...: rounded to a, but for 8u; 1 - a alone would round to 1."""
    a = 2.0**-60
    loss, _ = binary_cross_entropy(np.array([a]), np.array([0.0]))

    assert abs(Fraction(float(loss)) - Fraction(a)) <= 9 * unit_roundoff(np.float64) * Fraction(a)


@every_dtype
@pytest.mark.parametrize("axis", [0, 1])
def test_softmax_cross_entropy_keeps_its_bound(dtype, axis):
    """Targets of any sum, C = 3 classes, 4 samples.

    A logarithm of softmax is right to lambda = u (C + 12 + |s| + 8 log C + sum p|s| + 2 |log p|),
    s = z - max (the test of log_softmax derives it); the gradient's p = exp of it to lambda + 8u,
    its product with the targets' sum to C u more, and a difference and a quotient round twice.
    The loss adds 12 products, all of one sign, and rounds twice: 14u of itself.
    """
    rng = np.random.default_rng(2)
    Z = (4 * rng.standard_normal((4, 3))).astype(dtype)
    Y = rng.uniform(0, 2, (4, 3)).astype(dtype)
    Y[0] = 0
    if axis == 0:
        loss, gradient = softmax_cross_entropy(Z.T, Y.T, 0)
        gradient = gradient.T
    else:
        loss, gradient = softmax_cross_entropy(Z, Y)
    u, tiny = ball(unit_roundoff(dtype)), smallest(dtype)
    exact, allowed = arb(0), arb(0)
    for z, y, values in zip(Z, Y, gradient, strict=True):
        shifts = [arb(float(each)) - arb(float(z.max())) for each in z]
        total = sum((shift.exp() for shift in shifts), arb(0))
        logarithms = [shift - total.log() for shift in shifts]
        p = [logarithm.exp() for logarithm in logarithms]
        weight = sum((arb(float(each)) for each in y), arb(0))
        spread = sum((q * abs(s) for q, s in zip(p, shifts, strict=True)), arb(0))
        for k in range(3):
            target = arb(float(y[k]))
            error = u * (15 + abs(shifts[k]) + 8 * arb(3).log() + spread + 2 * abs(logarithms[k]))
            slope = (p[k] * weight - target) / 4
            slack = p[k] * weight / 4 * (error + 12 * u) + 3 * u * abs(slope) + tiny
            assert abs(arb(float(values[k])) - slope) <= slack
            exact -= target * logarithms[k] / 4
            allowed += target * error / 4

    assert abs(arb(float(loss)) - exact) <= allowed + 15 * u * exact + tiny


# Contracts


@every_loss
@every_dtype
def test_results_keep_dtype_and_share_no_memory(function, dtype):
    first = np.array([[0.25, 0.5], [0.75, 0.5]], dtype)
    Y = np.array([[0, 1], [1, 0.5]], dtype)
    before = first.tobytes(), Y.tobytes()
    loss, gradient = function(first, Y)

    assert isinstance(loss, dtype)
    assert (gradient.dtype, gradient.shape) == (first.dtype, first.shape)
    assert (first.tobytes(), Y.tobytes()) == before
    assert not np.shares_memory(gradient, first)
    assert not np.shares_memory(gradient, Y)


@every_loss
@every_dtype
@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_empty_batches_have_no_loss(function, dtype, shape):
    empty = np.zeros(shape, dtype)
    loss, gradient = function(empty, empty)

    assert loss == 0
    assert gradient.shape == shape


@every_loss
def test_mismatched_arguments_are_refused(function):
    first = np.zeros((2, 3))

    with pytest.raises(ValueError, match=r"^Y: expected shape \(2, 3\), found shape \(3,\); "):
        function(first, np.zeros(3))
    with pytest.raises(TypeError, match=r"^Y: expected float64, the dtype of [AZ], found float32"):
        function(first, first.astype(np.float32))
    with pytest.raises(TypeError, match=r"^[AZ]: expected an array of .*, found list; "):
        function([0.0], first)


def test_axes_that_are_not_there_are_refused():
    Z = np.zeros((2, 3))

    with pytest.raises(ValueError, match=r"^axis: expected an axis of Z, .*, found 2; "):
        softmax_cross_entropy(Z, Z, 2)
