import math
from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from backproof.impl.error_function import (
    ERF_RATIO_LIMIT,
    ERF_RATIO_SERIES,
    LARGEST_ARGUMENT,
    SCALED_ERFC_CENTRE,
    SCALED_ERFC_SERIES,
    erf,
    erfc,
    gaussian,
    normal_distribution,
    scaled_erfc,
)

pytestmark = pytest.mark.usefixtures("high_precision")

NODES = 96


def chebyshev_series(function):
    """Interpolates at the Chebyshev nodes; the error is of the size of the first omitted terms."""
    angles = [arb.pi() * (2 * j + 1) / (2 * NODES) for j in range(NODES)]
    values = [function(angle.cos()) for angle in angles]
    return [
        sum((v * (k * a).cos() for v, a in zip(values, angles, strict=True)), arb(0))
        * (2 if k else 1)
        / NODES
        for k in range(NODES)
    ]


def scaled_erfc_of_variable(t):
    x = SCALED_ERFC_CENTRE * (1 + t) / (1 - t)
    return ((1 + 2 * x) * (x * x).exp() * x.erfc() - 1) / (1 + t)


def erf_ratio_of_variable(t):
    x = ((1 + t) / 2).sqrt() * ERF_RATIO_LIMIT
    return x.erf() / x


@pytest.mark.parametrize(
    ("stored", "function"),
    [
        (SCALED_ERFC_SERIES, scaled_erfc_of_variable),
        (ERF_RATIO_SERIES, erf_ratio_of_variable),
    ],
)
def test_series_are_what_their_definitions_give(stored, function):
    """Each coefficient is rounded to nearest, and what is cut off is below half of float64's."""
    computed = chebyshev_series(function)
    rounding = arb(2) ** -53
    interpolation = arb(2) ** -70

    assert all(
        abs(arb(c) - exact) <= rounding * abs(exact) + interpolation
        for c, exact in zip(stored, computed, strict=False)
    )
    assert sum((abs(c) for c in computed[len(stored) :]), arb(0)) <= arb(2) ** -55


def points(largest):
    rng = np.random.default_rng(5)
    return np.concatenate([rng.uniform(-2, 2, 500), rng.uniform(-largest, largest, 1500), [0.0]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_complement_is_right_to_eight_unit_roundoffs(dtype):
    limits = np.finfo(dtype)
    u, small = arb(2) ** -(limits.nmant + 1), 2 * arb(float(limits.tiny))
    X = points(30).astype(dtype)
    for x, value in zip(X.tolist(), erfc(X).tolist(), strict=True):
        exact = arb(x).erfc()
        assert abs(arb(value) - exact) <= 8 * u * exact + small


@pytest.mark.parametrize("exponent", [0.5, 1.0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gaussian_does_not_amplify_the_rounding_of_the_square(exponent, dtype):
    """Within 8u of exp itself, 2u for the correction's product, and its second-order remainder.

    The remainder is (exponent u x^2)^2 / 2 with exponent x^2 at most 745 (104 in float32) before
    the result leaves the normal numbers: below u in both formats.
    """
    limits = np.finfo(dtype)
    u, small = arb(2) ** -(limits.nmant + 1), 2 * arb(float(limits.tiny))
    X = points(LARGEST_ARGUMENT).astype(dtype)
    for x, value in zip(X.tolist(), gaussian(X, exponent).tolist(), strict=True):
        exact = (-exponent * arb(x) ** 2).exp()
        assert abs(arb(value) - exact) <= 11 * u * exact + small


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_scaled_complement_stays_finite_where_the_complement_vanishes(dtype):
    X = np.array([0.0, 1.0, LARGEST_ARGUMENT], dtype)
    values = scaled_erfc(X)

    assert values.dtype == dtype
    assert values[0] == 1
    # x exp(x^2) erfc(x) sqrt(pi) lies between 1 - 1/(2 x^2) and 1 for all x > 0.
    ratio = Fraction(float(values[2])) * int(LARGEST_ARGUMENT) * Fraction(math.sqrt(math.pi))
    assert 1 - Fraction(1, 3200) - Fraction(1, 10**6) < ratio < 1


def test_symmetries_are_exact():
    X = points(6)

    assert np.array_equal(erf(-X), -erf(X))
    assert erf(0.0) == 0
    assert erfc(0.0) == 1
    assert erfc(-40.0) == 2
    assert normal_distribution(np.zeros(1))[0] == 0.5


def test_arguments_of_normal_distribution_are_kept():
    X = points(LARGEST_ARGUMENT)
    before = X.tobytes()
    normal_distribution(X)
    gaussian(X, 1.0)
    scaled_erfc(np.abs(X))

    assert X.tobytes() == before
