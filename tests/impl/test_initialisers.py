"""Distributions are judged by bounds that a right initialiser breaks with probability 1e-9."""

import numpy as np
import pytest

from backproof.impl.initialisers import INITIALISERS, constant, scaled_normal

DTYPES = (np.float64, np.float32, np.float16)
# 100 times 300 values: enough to tell a variance from one that is 6 % larger.
FAN_IN, FAN_OUT = 100, 300
VARIANCES = {
    "glorot_uniform": 2 / 400,
    "glorot_normal": 2 / 400,
    "he_uniform": 2 / 100,
    "he_normal": 2 / 100,
    "scaled_normal": 0.01,
}
# log(2 / 1e-9): what makes either tail of a concentration inequality as improbable.
EXPONENT = np.log(2e9)


def drawn(name, dtype=np.float64, seed=11):
    return INITIALISERS[name](
        (FAN_IN, FAN_OUT),
        fan_in=FAN_IN,
        fan_out=FAN_OUT,
        rng=np.random.default_rng(seed),
        dtype=dtype,
    )


@pytest.mark.parametrize("name", ["glorot_uniform", "he_uniform"])
def test_uniform_values_have_the_mean_variance_and_limits(name):
    """Hoeffding: the mean of n values in an interval of length c is off by t with probability at
    most 2 exp(-2 n t^2 / c^2). Values lie in +-l with l^2 = 3 variance, squares in [0, l^2].

    Source: Hoeffding, "Probability inequalities for sums of bounded random variables", Journal of
    the American Statistical Association 58 (1963), theorem 2.
    """
    W, variance = drawn(name), VARIANCES[name]
    limit = np.sqrt(3 * variance)
    deviation = np.sqrt(EXPONENT / (2 * W.size))

    assert abs(W.mean()) <= 2 * limit * deviation
    assert abs((W**2).mean() - variance) <= limit**2 * deviation
    # Two factors are rounded, and so is their product.
    assert abs(W).max() <= limit * (1 + 2.0**-50)
    # All of them within 0.999 of the limit: 30,000 values, probability below 1e-13.
    assert abs(W).max() >= 0.999 * limit


@pytest.mark.parametrize("name", ["glorot_normal", "he_normal", "scaled_normal"])
def test_normal_values_have_the_mean_variance_and_tails(name):
    """The mean is normal with variance v/n; n squares over v are chi-squared with n degrees, which
    are off by 2 sqrt(n x) + 2 x with probability at most 2 exp(-x). The share of values beyond 3
    deviations, 2.6998e-3 for a normal distribution, is a mean of zeros and ones: Hoeffding.

    Source: Laurent and Massart, "Adaptive estimation of a quadratic functional by model
    selection", Annals of Statistics 28 (2000), lemma 1.
    """
    W, variance = drawn(name), VARIANCES[name]
    n = W.size

    assert abs(W.mean()) <= np.sqrt(2 * EXPONENT * variance / n)
    slack = 2 * np.sqrt(n * EXPONENT) + 2 * EXPONENT
    assert abs((W**2).sum() / variance - n) <= slack
    beyond = (abs(W) > 3 * np.sqrt(variance)).mean()
    assert abs(beyond - 2.6998e-3) <= np.sqrt(EXPONENT / (2 * n))
    # A uniform distribution of this variance ends at 1.74 deviations.
    assert abs(W).max() > 3 * np.sqrt(variance)


def test_the_bounds_tell_the_variances_apart():
    """Twice and half of a variance lie outside of its bounds."""
    slack = 2 * np.sqrt(FAN_IN * FAN_OUT * EXPONENT) + 2 * EXPONENT

    assert slack < 0.06 * FAN_IN * FAN_OUT


@pytest.mark.parametrize("name", list(INITIALISERS))
@pytest.mark.parametrize("dtype", DTYPES)
def test_seed_determines_values_and_dtype_only_rounds_them(name, dtype):
    W = drawn(name, dtype)

    assert W.dtype == dtype
    assert np.array_equal(W, drawn(name).astype(dtype))
    assert np.array_equal(W, drawn(name, dtype))
    if name in VARIANCES:
        assert not np.array_equal(W, drawn(name, dtype, seed=12))


def test_constants():
    arguments = {"fan_in": 2, "fan_out": 3, "rng": np.random.default_rng(0)}

    assert np.array_equal(INITIALISERS["zeros"]((2, 3), **arguments), np.zeros((2, 3)))
    assert np.array_equal(INITIALISERS["constant"]((2, 3), **arguments), np.ones((2, 3)))
    assert np.array_equal(constant(-0.5)((2, 3), **arguments), np.full((2, 3), -0.5))


def test_scale_of_the_note():
    W = scaled_normal(0.1)((2, 3), fan_in=2, fan_out=3, rng=np.random.default_rng(0))

    assert np.array_equal(W, 0.1 * np.random.default_rng(0).standard_normal((2, 3)))


@pytest.mark.parametrize("name", list(INITIALISERS))
def test_layers_without_inputs_or_outputs(name):
    rng = np.random.default_rng(0)

    assert INITIALISERS[name]((0, 0), fan_in=0, fan_out=0, rng=rng).shape == (0, 0)


@pytest.mark.parametrize("name", list(INITIALISERS))
def test_entries_are_named_as_they_are_found(name):
    assert INITIALISERS[name].name == name


def test_other_dtypes_are_refused():
    with pytest.raises(TypeError, match=r"^dtype: expected float16, float32 or float64, found int"):
        drawn("zeros", np.int64)
