"""The radii of a dense layer are those of the rule, row by row, in every layout and format."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest

from backproof.oracles.decide import detection_limit
from backproof.oracles.formats import FORMATS, Format
from backproof.oracles.radius import (
    Counts,
    coefficient_roundings,
    count,
    growth,
    roundoff,
    scalar,
)
from backproof.oracles.reference import Bounded, reference
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts
from backproof.spec.plan import array_form
from backproof.spec.terms import number, power, size

SIZES = {"n": 4, "i": 5, "o": 3}
# Bounds are rounded up at each step, by 2^-40 at a time and by less than this in all.
UP = 1.0 + 2.0**-34
LIPSCHITZ = {"sigmoid": 1 / (6 * math.sqrt(3)), "tanh": 4 / (3 * math.sqrt(3)), "silu": 0.5}
Arrays = dict[str, np.ndarray]


def layer_inputs(layout: str, rng: np.random.Generator, fmt: Format) -> Arrays:
    """X, W, b and dA in a layout, with values that every format holds."""
    forward, out = layout.split("->")
    pair = forward.split(",")
    names = ("W", "X") if pair[0] == "oi" else ("X", "W")
    shapes = {name: tuple(SIZES[a] for a in axes) for name, axes in zip(names, pair, strict=True)}
    shapes |= {"b": (SIZES["o"],), "dA": tuple(SIZES[a] for a in out)}
    return {
        name: np.ldexp(np.round(np.ldexp(rng.standard_normal(shape), 5)), -5)
        for name, shape in shapes.items()
    }


def in_rows(layout: str, inputs: Arrays, found: dict[str, Bounded]) -> tuple[Arrays, dict]:
    """Everything as if samples were rows and W were (inputs, outputs)."""
    weights_first = "oi" in layout.split("->")[0]
    columns = layout.endswith("->on")

    def turn(name: str, array: np.ndarray) -> np.ndarray:
        stem = name.removeprefix("d")
        if stem == "W":
            return array.T if weights_first else array
        return array.T if columns and array.ndim == 2 else array

    arrays = {name: turn(name, array) for name, array in inputs.items()}
    bounds = {
        name: {part: turn(name, getattr(b, part)) for part in ("value", "own", "radius")}
        for name, b in found.items()
    }
    return arrays, bounds


def underflow(fmt: Format, products: int) -> float:
    # float64 has no half of its smallest number, and computing the bound may lose as much again.
    return products * (fmt.eta if fmt.name == "float64" else fmt.eta / 2)


def assert_is_row(radius: np.ndarray, row: np.ndarray) -> None:
    assert (radius >= row).all()
    assert (radius <= row * UP).all()


def most(bound: dict) -> np.ndarray:
    """How large an honest implementation's value may be."""
    return np.abs(bound["value"]) + bound["own"] + bound["radius"]


@pytest.mark.parametrize("fmt", FORMATS.values(), ids=lambda f: f.name)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "silu"])
@pytest.mark.parametrize("layout", layouts())
def test_each_row_of_the_rule(layout, activation, fmt):
    rng = np.random.default_rng(7)
    inputs = layer_inputs(layout, rng, fmt)
    spec = dense(layout=layout, activation=activation)
    x, bound = in_rows(layout, inputs, reference(spec.derivation, inputs, fmt))
    n, m, o, u = SIZES["i"], SIZES["n"], SIZES["o"], fmt.u

    S = np.abs(x["X"]) @ np.abs(x["W"]) + np.abs(x["b"])
    assert_is_row(bound["Z"]["radius"], (n + 1) * u * S + underflow(fmt, n))

    argument = np.maximum(1.0, most(bound["Z"]))
    E_D = LIPSCHITZ[activation] * bound["Z"]["radius"] + (8 * u + 2 * fmt.tiny) * argument
    slope = reference(
        Spec(f"y[n,o] = {activation}'(z[n,o])").derivation,
        {"z": bound["Z"]["value"], "dy": np.ones((m, o))},
        "float64",
        wanted=["y"],
    )["y"]
    E_dZ = np.abs(x["dA"]) * E_D + u * np.abs(x["dA"]) * (np.abs(slope.value) + E_D)
    radius = bound["dZ"]["radius"]
    # The reference knows the slope at its own Z, and |slope| only to within what that is off.
    slack = u * np.abs(x["dA"]) * (slope.own + LIPSCHITZ[activation] * bound["Z"]["own"])
    assert (radius >= E_dZ + underflow(fmt, 1)).all()
    assert (radius <= (E_dZ + underflow(fmt, 1) + slack) * (1.0 + 2.0**-20)).all()

    E, P = radius, most(bound["dZ"])
    row = E.T @ np.abs(x["X"]) + m * u * (P.T @ np.abs(x["X"])) + underflow(fmt, m)
    assert_is_row(bound["dW"]["radius"], row.T)
    assert_is_row(bound["db"]["radius"], E.sum(axis=0) + (m - 1) * u * P.sum(axis=0))
    row = E @ np.abs(x["W"].T) + o * u * (P @ np.abs(x["W"].T)) + underflow(fmt, o)
    assert_is_row(bound["dX"]["radius"], row)


@pytest.mark.parametrize("fmt", FORMATS.values(), ids=lambda f: f.name)
def test_activation_row(fmt):
    rng = np.random.default_rng(8)
    layout = "ni,io->no"
    inputs = layer_inputs(layout, rng, fmt)
    for activation, k, tail in (("sigmoid", 8, 4), ("softplus", 8, 4), ("exp", 8, 0)):
        found = reference(dense(layout=layout, activation=activation).derivation, inputs, fmt)
        Z, A = found["Z"], found["A"]
        slope = {
            "sigmoid": lambda A=A: A.value * (1 - A.value),
            "softplus": lambda Z=Z: 1 / (1 + np.exp(-Z.value)),
            "exp": lambda A=A: A.value,
        }[activation]()
        # By |g'| E, and at most by |g'| exp(E') E for E' = E + the reference's own.
        least = slope * Z.radius
        most_w = least * np.exp(Z.radius + Z.own) * (1 + 2.0**-5)
        wide = 2 * fmt.tiny * np.maximum(1.0, np.abs(Z.value))
        ends = [
            w + k * fmt.u * (np.abs(A.value) + w) + wide + tail * fmt.u for w in (least, most_w)
        ]

        # The reference's slope is rounded too: 2^-45 of it.
        assert (A.radius >= ends[0] * (1 - 2.0**-45)).all()
        assert (A.radius <= ends[1] * (1 + 2.0**-5)).all()


@pytest.mark.parametrize("activation", ["relu", "abs", "linear"])
def test_exact_activations_add_nothing_of_their_own(activation):
    inputs = layer_inputs("ni,io->no", np.random.default_rng(9), FORMATS["float32"])
    found = reference(
        dense(layout="ni,io->no", activation=activation).derivation, inputs, "float32"
    )

    assert (found["A"].radius <= found["Z"].radius * UP).all()


def test_a_relu_below_its_kink_is_exactly_zero():
    inputs = layer_inputs("ni,io->no", np.random.default_rng(9), FORMATS["float32"])
    found = reference(dense(layout="ni,io->no", activation="relu").derivation, inputs, "float32")

    below = found["Z"].value < -1

    assert below.any()
    assert (found["A"].radius[below] == 0).all()
    assert (found["dZ"].radius[below] <= FORMATS["float32"].eta).all()


def test_a_mean_counts_two_roundings_more():
    fmt = FORMATS["float32"]
    layout = "ni,io->no"
    spec = dense(layout=layout, activation="linear", scale="mean")
    inputs = layer_inputs(layout, np.random.default_rng(10), fmt)
    inputs["X"], inputs["dA"] = inputs["X"][:3], inputs["dA"][:3]
    m = 3

    found = reference(spec.derivation, inputs, fmt)

    S = np.abs(inputs["X"].T) @ np.abs(inputs["dA"]) / m
    row = growth(m + 2, fmt.u) * S
    top = np.abs(inputs["X"]).max() + np.abs(inputs["dA"]).max() + 1 / m
    assert (found["dW"].radius >= row).all()
    assert (found["dW"].radius <= row * UP + m * fmt.eta * (1 + top)).all()
    assert growth(m + 2, fmt.u) <= (m + 2) * fmt.u * (1 + (m + 2) * fmt.u)


def test_n_u_exists_where_gamma_does_not():
    fmt = FORMATS["bfloat16"]
    inputs = {"X": np.ones((1, 1024)), "W": np.ones((1024, 1)), "b": np.zeros(1)}
    inputs["dA"] = np.ones((1, 1))

    found = reference(dense(layout="ni,io->no", activation="linear").derivation, inputs, fmt)

    assert 1025 * fmt.u * 1024 <= found["Z"].radius[0, 0] <= 1025 * fmt.u * 1024 * UP


@pytest.mark.parametrize(
    ("text", "roundings"),
    [
        ("Y[n] = sum[i](X[n,i])", 6),
        ("Y[n] = sum[i](X[n,i]*w[i])", 7),
        ("Y[n] = sum[i](X[n,i]*w[i]) + b[n]", 8),
        ("Y[n] = X[n,n]*w[n]", 1),
        ("Y[n] = X[n,n]/3", 2),
        ("Y[n] = 2*X[n,n]", 0),
        ("Y[n] = mean[i](X[n,i])", 8),
        ("Y[n] = sum[i,j](X[n,i]*w[j]*X[n,j])", 50),
        ("Y[n] = (X[n,n] - w[n])^2", 4),
        ("Y[n] = (X[n,n] - w[n])*(w[n] + 1)*w[n]", 5),
        ("Y[n] = w[n] - sum[i](X[n,i])*X[n,n]", 8),
    ],
)
def test_roundings_of_the_full_expansion(text, roundings):
    program = Spec(text).program
    statement = program.statements[0]
    form = array_form(statement.value, statement.target.indices)
    sizes = dict.fromkeys(program.axes, 7)

    assert count(form, sizes, 24).roundings == roundings


def test_only_flat_sums_of_products_of_two_get_the_linear_bound():
    fmt = FORMATS["float16"]

    assert roundoff(Counts(1000, 2), fmt) == 1000 * fmt.u
    assert roundoff(Counts(1000, 1), fmt) == 999 * fmt.u
    assert roundoff(Counts(1000, 3), fmt) == growth(1001, fmt.u) > 1001 * fmt.u
    assert roundoff(Counts(1000, 2, flat=False), fmt) == growth(1000, fmt.u)
    assert roundoff(Counts(0, 2), fmt) == 0.0


@pytest.mark.parametrize("roundings", [1, 2, 3, 4, 10, 1000])
@pytest.mark.parametrize("u", [2.0**-8, 2.0**-11, 2.0**-24, 2.0**-53])
def test_growth_is_above_the_exact_error_of_a_path(roundings, u):
    exact = (1 + Fraction(u) / (1 + Fraction(u))) ** roundings - 1

    assert exact <= Fraction(growth(roundings, u)) <= 2 * exact + roundings * Fraction(u)


def test_a_wider_accumulator_sharpens_sums_and_a_narrower_one_widens_them():
    layout = "ni,io->no"
    inputs = layer_inputs(layout, np.random.default_rng(11), FORMATS["float16"])
    derivation = dense(layout=layout, activation="linear").derivation

    half = reference(derivation, inputs, "float16")["Z"].radius
    wide = reference(derivation, inputs, "float16", accumulate="float32")["Z"].radius
    double = reference(derivation, inputs, "float64")["Z"].radius
    narrow = reference(derivation, inputs, "float64", accumulate="float32")["Z"].radius
    single = reference(derivation, inputs, "float32")["Z"].radius

    S = np.abs(inputs["X"]) @ np.abs(inputs["W"]) + np.abs(inputs["b"])
    assert (wide >= 2 * FORMATS["float16"].u * S).all()
    assert (wide < half).all()
    assert (double < narrow).all()
    assert (narrow <= single * UP).all()


@pytest.mark.parametrize("activation", ["sigmoid", "gelu", "softmax"])
def test_a_library_may_ask_for_larger_constants_of_its_functions(activation):
    layout = "ni,io->no"
    fmt = FORMATS["float32"]
    coarse = dataclasses.replace(fmt, elementary=4.0)
    inputs = layer_inputs(layout, np.random.default_rng(15), fmt)
    derivation = dense(layout=layout, activation=activation).derivation

    usual = reference(derivation, inputs, fmt)
    larger = reference(derivation, inputs, coarse)

    assert (larger["Z"].radius == usual["Z"].radius).all()
    for name in ("A", "dZ", "dX"):
        assert (larger[name].radius > usual[name].radius).all()
        assert (larger[name].radius < 4 * usual[name].radius).all()


def test_what_follows_from_a_given_tensor_is_judged_as_if_it_were_exact():
    layout = "ni,io->no"
    fmt = FORMATS["float32"]
    inputs = layer_inputs(layout, np.random.default_rng(12), fmt)
    derivation = dense(layout=layout, activation="sigmoid").derivation
    composed = reference(derivation, inputs, fmt)
    Z = composed["Z"].value + 1.0

    given = reference(derivation, inputs, fmt, given={"Z": Z})

    sigmoid = 1 / (1 + np.exp(-Z))
    assert "Z" not in given
    assert (np.abs(given["A"].value - sigmoid) <= 8 * 2.0**-53 * sigmoid).all()
    own_error = 8 * fmt.u * sigmoid + 4 * fmt.u + 2 * fmt.tiny * np.maximum(1, np.abs(Z))
    assert (given["A"].radius <= own_error * (1 + 2.0**-20)).all()
    assert (given["dZ"].radius < composed["dZ"].radius * 2).all()


def test_large_products_are_bounded_in_float32_and_still_from_above():
    rng = np.random.default_rng(13)
    n, i, o = 180, 170, 160
    inputs = {
        "X": rng.standard_normal((n, i)),
        "W": rng.standard_normal((i, o)) * (rng.random((i, o)) < 0.5),
        "b": rng.standard_normal(o),
        "dA": rng.standard_normal((n, o)),
    }
    found = reference(dense(layout="ni,io->no", activation="sigmoid").derivation, inputs, "float64")

    u = 2.0**-53
    S = np.abs(inputs["X"]) @ np.abs(inputs["W"]) + np.abs(inputs["b"])
    # S itself was summed in float64: 2^-44 of it.
    assert (found["Z"].radius >= (i + 1) * u * S * (1 - 2.0**-44)).all()
    assert (found["Z"].radius <= (i + 1) * u * S * (1 + 2.0**-14)).all()
    # The reference adds in two halves.
    assert (found["Z"].own <= 0.6 * found["Z"].radius).all()
    assert (found["dW"].own <= 0.7 * found["dW"].radius).all()


@pytest.mark.parametrize("activation", ["abs", "relu", "tanh"])
def test_what_the_reference_is_unsure_of_reaches_large_products(activation):
    rng = np.random.default_rng(16)
    shapes = {"X": (190, 170), "W": (170, 150), "b": (150,), "dA": (190, 150)}
    inputs = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    derivation = dense(layout="ni,io->no", activation=activation).derivation

    found = reference(derivation, inputs, "float64")

    # Both matrix products here were summed in float64: 2^-44 of them.
    from_dZ = np.abs(inputs["X"]).T @ found["dZ"].own
    assert (found["dW"].own >= from_dZ * (1 - 2.0**-44)).all()
    P = np.abs(inputs["X"]).T @ np.abs(found["dZ"].value)
    assert (found["dW"].own >= from_dZ + 90 * 2.0**-53 * P * (1 - 2.0**-44)).all()


def test_detection_limit_shrinks_with_u():
    layout = "ni,io->no"
    inputs = layer_inputs(layout, np.random.default_rng(14), FORMATS["float16"])
    derivation = dense(layout=layout, activation="sigmoid").derivation

    limits = {f: detection_limit(reference(derivation, inputs, f)["dW"]) for f in FORMATS}

    assert limits["float64"] < 1e-14 < limits["float32"] < 1e-5 < limits["float16"]
    assert limits["float64"] > 2.0**-53


@pytest.mark.parametrize(
    ("term", "value", "roundings"),
    [
        (number(Fraction(1, 2)), Fraction(1, 2), 0),
        (number(3), 3, 1),
        (number(Fraction(1, 3)), Fraction(1, 3), 2),
        (power(size("n"), -1), Fraction(1, 7), 2),
        (size("m"), 8, 0),
        (power(size("m"), -1), Fraction(1, 8), 1),
    ],
)
def test_coefficients(term, value, roundings):
    sizes = {"n": 7, "m": 8}

    assert scalar(term, sizes) == value
    assert coefficient_roundings(term, sizes, 24) == (
        0 if value in (Fraction(1, 8), 8) else roundings
    )


def test_a_size_of_zero_has_no_reciprocal():
    assert scalar(power(size("n"), -1), {"n": 0}) is None
