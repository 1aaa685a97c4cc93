import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import flint
import numpy as np
import pytest

from backproof.oracles.analytic import AnalyticArray, NotAnalyticError, unwatch, watch
from backproof.oracles.autodiff import AutodiffOracle
from backproof.oracles.balls import precision
from backproof.oracles.differences import DifferencesOracle, Method
from backproof.oracles.enclosure import EnclosureOracle
from backproof.oracles.honest import COMPLEX_STEP_EXPONENT, Honest
from backproof.oracles.jets import LENGTH, Jets
from backproof.oracles.outcome import Answer, Question, Unavailable
from backproof.oracles.pointwise import Pointwise
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts, losses, named
from tests.oracles.layer_questions import LIBRARY, answered, intersects, probabilities, question

Named = Mapping[str, Any]
erf = np.vectorize(math.erf)


def softmax(z: Any, axis: int) -> Any:
    raised = np.exp(z - z.max(axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)


# As people write them in NumPy.
ACTIVATION: dict[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    "erf": erf,
    "exp": np.exp,
    "abs": np.abs,
}
# What NumPy computes of complex numbers, and analytically.
ANALYTIC = [name for name in ACTIVATIONS if name not in ("gelu", "erf", "abs")]


def plain_layer(layout: str, activation: str) -> Callable[[Named], dict[str, Any]]:
    columns = layout == "oi,in->on"

    def forward(inputs: Named) -> dict[str, Any]:
        X, W, b = inputs["X"], inputs["W"], inputs["b"]
        weights = W.T if layout == "ni,oi->no" else W
        Z = W @ X + b[:, None] if columns else X @ weights + b
        if activation == "softmax":
            return {"A": softmax(Z, 0 if columns else 1)}
        return {"A": ACTIVATION[activation](Z)}

    return forward


PLAIN_LOSS: dict[str, Callable[[Any, Any], Any]] = {
    "mean_squared_error": lambda A, Y: np.mean((A - Y) ** 2),
    "binary_cross_entropy": lambda A, Y: -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A)),
    "softmax_cross_entropy": lambda A, Y: (
        -np.mean(np.sum(Y * (A - np.log(np.exp(A).sum(axis=1, keepdims=True))), axis=1))
    ),
}


def refusal(oracle: DifferencesOracle, asked: Question) -> str:
    outcome = oracle.answer(asked)
    assert isinstance(outcome, Unavailable)
    assert outcome.oracle == "differences"
    return outcome.reason


@pytest.mark.parametrize("method", ["auto", "central"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("layout", layouts())
def test_plain_layers_agree_with_the_enclosure(
    layout: str, activation: str, method: Method
) -> None:
    asked = LIBRARY[f"{layout} {activation}"]
    oracle = DifferencesOracle(plain_layer(layout, activation), method=method)
    taken, enclosed = answered(oracle, asked), answered(EnclosureOracle(), asked)
    assert set(taken.values) == {"dX", "dW", "db"}
    expected = "complex" if activation in ANALYTIC and method == "auto" else "central"
    assert oracle.methods == dict.fromkeys(taken.values, expected)
    for name in taken.values:
        assert intersects(taken, enclosed, name)
        assert np.isfinite(taken.radii[name]).all()


@pytest.mark.parametrize("loss", losses())
def test_plain_losses_agree_with_the_enclosure_and_autodiff(loss: str) -> None:
    asked = question(named(loss), draw=probabilities, seed=1)
    oracle = DifferencesOracle(lambda x: {"L": PLAIN_LOSS[loss](x["A"], x["Y"])})
    taken = answered(oracle, asked)
    assert set(taken.values) == {"dA", "dY"}
    for other in (EnclosureOracle(), AutodiffOracle()):
        for name in taken.values:
            assert intersects(taken, answered(other, asked), name)


@pytest.mark.parametrize("method", ["auto", "central"])
def test_a_complex_step_is_sharper(method: Method) -> None:
    asked = LIBRARY["ni,io->no tanh"]
    got = answered(DifferencesOracle(plain_layer("ni,io->no", "tanh"), method=method), asked)
    worst = max(radius.max() for radius in got.radii.values())
    # The least of R/h + h^2 T/6 is of the order of R^(2/3), with R some ten u; a complex step's is
    # of the order of R.
    assert worst < 2.0**-40 if method == "auto" else 2.0**-40 < worst < 2.0**-20


def test_averaged_gradients_are_averaged() -> None:
    spec = dense(layout="ni,io->no", activation="tanh", scale="mean")
    asked = question(spec, seed=6)
    taken = answered(DifferencesOracle(plain_layer("ni,io->no", "tanh")), asked)
    for name in ("dX", "dW", "db"):
        assert intersects(taken, answered(EnclosureOracle(), asked), name)


def test_only_what_is_wanted_is_differentiated() -> None:
    asked = LIBRARY["ni,io->no tanh"]
    oracle = DifferencesOracle(plain_layer("ni,io->no", "tanh"))
    only = answered(oracle, Question(asked.derivation, asked.inputs, ("Z", "dZ", "db")))
    assert set(only.values) == {"db"}
    none = Question(asked.derivation, asked.inputs, ("Z", "dZ", "dA"))
    assert "no gradient of an input" in refusal(oracle, none)


def test_a_wrong_forward_pass_is_seen() -> None:
    asked = LIBRARY["ni,io->no tanh"]

    def wrong(inputs: Named) -> dict[str, Any]:
        return {"A": np.tanh(inputs["X"] @ inputs["W"] * (1 + 1e-9) + inputs["b"])}

    taken = answered(DifferencesOracle(wrong), asked)
    assert not intersects(taken, answered(EnclosureOracle(), asked), "dW")


def test_a_forward_pass_that_loses_a_part_of_its_derivative_is_not_stepped() -> None:
    """abs takes complex numbers and keeps nothing of a step along the imaginary axis."""

    def stable(inputs: Named) -> dict[str, Any]:
        Z = inputs["X"] @ inputs["W"] + inputs["b"]
        return {"A": np.maximum(Z, 0) + np.log1p(np.exp(-np.abs(Z)))}

    asked = LIBRARY["ni,io->no softplus"]
    oracle = DifferencesOracle(stable)
    taken = answered(oracle, asked)
    assert set(oracle.methods.values()) == {"central"}
    for name in taken.values:
        assert intersects(taken, answered(EnclosureOracle(), asked), name)
    forced = DifferencesOracle(stable, method="complex")
    assert "not seen to be analytic" in refusal(forced, asked)


@pytest.mark.parametrize(
    "cut",
    [
        lambda z: np.asarray(z, dtype=float),
        lambda z: z.real,
        lambda z: np.real(z),
        lambda z: np.array([[float(v) for v in row] for row in z]),
        lambda z: np.array(z),
        lambda z: np.conj(z) if np.iscomplexobj(z) else z,
    ],
)
def test_a_step_that_is_cut_off_or_out_of_sight_is_not_taken(cut: Callable[[Any], Any]) -> None:
    def forward(inputs: Named) -> dict[str, Any]:
        return {"A": np.tanh(cut(inputs["X"] @ inputs["W"] + inputs["b"]))}

    asked = LIBRARY["ni,io->no tanh"]
    oracle = DifferencesOracle(forward)
    taken = answered(oracle, asked)
    assert set(oracle.methods.values()) == {"central"}
    for name in taken.values:
        assert intersects(taken, answered(EnclosureOracle(), asked), name)


def test_a_step_that_central_differences_contradict_is_not_taken() -> None:
    asked = LIBRARY["ni,io->no tanh"]

    def treacherous(inputs: Named) -> dict[str, Any]:
        Z = inputs["X"] @ inputs["W"] + inputs["b"]
        return {"A": np.tanh(Z) if not np.iscomplexobj(Z) else np.tanh(Z) + 0 * Z.size + Z - Z * 1}

    def doubled(inputs: Named) -> dict[str, Any]:
        Z = inputs["X"] @ inputs["W"] + inputs["b"]
        if not np.iscomplexobj(Z):
            return {"A": np.tanh(Z)}
        here = np.array(inputs["X"]).real @ np.array(inputs["W"]).real + np.array(inputs["b"]).real
        # The same real part to the last digit or so, and twice the imaginary one.
        return {"A": np.tanh(here + 2 * (Z - here))}

    for forward, method in ((treacherous, "complex"), (doubled, "central")):
        oracle = DifferencesOracle(forward)
        taken = answered(oracle, asked)
        assert set(oracle.methods.values()) == {method}
        for name in taken.values:
            assert intersects(taken, answered(EnclosureOracle(), asked), name)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs"])
@pytest.mark.parametrize("method", ["auto", "central"])
def test_at_a_kink_it_says_nothing(activation: str, method: Method) -> None:
    asked = question(
        dense(layout="ni,io->no", activation=activation),
        sizes={"samples": 2, "inputs": 2, "outputs": 2},
        X=[[1, 2], [3, 5]],
        W=[[2, 7], [1, 1]],
        b=[-4, 1],
        dA=[[1, 2], [3, 4]],
    )
    # Only Z[0,0] is zero: it depends on X[0,:], W[:,0] and b[0].
    got = answered(DifferencesOracle(plain_layer("ni,io->no", activation), method=method), asked)
    assert np.isinf(got.radii["dX"]).tolist() == [[True, True], [False, False]]
    assert np.isinf(got.radii["dW"]).tolist() == [[True, False], [True, False]]
    assert np.isinf(got.radii["db"]).tolist() == [True, False]
    for name in ("dX", "dW", "db"):
        assert intersects(got, answered(EnclosureOracle(), asked), name)


def test_near_a_kink_the_step_shrinks() -> None:
    near = 2.0**-30
    asked = question(
        dense(layout="ni,io->no", activation="relu"),
        sizes={"samples": 1, "inputs": 1, "outputs": 1},
        X=[[1]],
        W=[[1]],
        b=[near - 1],
        dA=[[1]],
    )
    oracle = DifferencesOracle(plain_layer("ni,io->no", "relu"), method="central")
    got = answered(oracle, asked)
    # R / h with h below 2^-30 and R some ten u.
    assert 2.0**-30 < got.radii["dW"].item() < 2.0**-12
    assert intersects(got, answered(EnclosureOracle(), asked), "dW")


@pytest.mark.parametrize("x", [1 - 2.0**-53, 2 - 2.0**-52, -1 + 2.0**-53, 1e-300, 1e9 / 3, 0.0])
def test_steps_that_float64_rounds_are_allowed_for(x: float) -> None:
    spec = Spec("y[n] = tanh(x[n])*x[n] + x[n]^3")
    asked = question(spec, sizes={"": 1}, x=[x], dy=[1.0])
    oracle = DifferencesOracle(
        lambda i: {"y": np.tanh(i["x"]) * i["x"] + i["x"] ** 3}, method="central"
    )
    assert intersects(answered(oracle, asked), answered(EnclosureOracle(), asked), "dx")


@pytest.mark.parametrize("x", [715.0, -715.0, 740.0, 40.0])
def test_a_saturated_function_that_hardly_bends(x: float) -> None:
    spec = Spec("y[n] = tanh(x[n]) + exp(-x[n]^2)")
    asked = question(spec, sizes={"": 1}, x=[x], dy=[1.0])
    oracle = DifferencesOracle(lambda i: {"y": np.tanh(i["x"]) + np.exp(-(i["x"] ** 2))})
    assert intersects(answered(oracle, asked), answered(EnclosureOracle(), asked), "dx")


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda i: {"B": i["X"]}, "KeyError"),
        (lambda i: {"A": i["Q"]}, "raised KeyError: 'Q'"),
        (lambda i: {"A": i["X"]}, "shape (2, 3), not (2, 4)"),
        (lambda i: {"A": (i["X"] @ i["W"]).astype(np.float32)}, "float32, not float64"),
        (lambda i: {"A": i["X"] @ i["W"] / 0}, "inf in A"),
        (lambda i: 1 // 0, "ZeroDivisionError"),
    ],
)
def test_what_a_forward_pass_does_wrong_is_said(forward: Callable[[Any], Any], reason: str) -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        got = refusal(DifferencesOracle(forward), LIBRARY["ni,io->no linear"])
    if reason == "inf in A":
        assert got in ("the forward pass gave inf in A", "the forward pass gave -inf in A")
    else:
        assert reason in got


def test_too_many_entries_are_refused() -> None:
    oracle = DifferencesOracle(plain_layer("ni,io->no", "tanh"), most_work=100)
    assert "22 entries are too many" in refusal(oracle, LIBRARY["ni,io->no tanh"])


def test_what_the_specification_does_not_know_is_refused() -> None:
    oracle = DifferencesOracle(plain_layer("ni,oi->no", "tanh"))
    assert "g is an abstract function" in refusal(oracle, question(dense()))
    broken = question(dense(activation="tanh"), b=[np.nan, 0, 0, 0])
    assert "b has entries that are not finite" in refusal(oracle, broken)


def test_a_forward_pass_may_overwrite_what_it_is_given() -> None:
    def forward(inputs: Any) -> dict[str, Any]:
        inputs["X"] = inputs["X"] @ inputs["W"]
        inputs["X"] += inputs["b"]
        inputs["b"] *= 0
        return {"A": np.tanh(inputs["X"])}

    asked = LIBRARY["ni,io->no tanh"]
    before = {name: array.copy() for name, array in asked.inputs.items()}
    taken = answered(DifferencesOracle(forward), asked)
    assert all(np.array_equal(before[name], asked.inputs[name]) for name in before)
    for name in taken.values:
        assert intersects(taken, answered(EnclosureOracle(), asked), name)


def test_settings_are_put_back() -> None:
    before = flint.ctx.prec, flint.ctx.cap, list(warnings.filters)
    answered(DifferencesOracle(plain_layer("ni,io->no", "tanh")), LIBRARY["ni,io->no tanh"])
    assert (flint.ctx.prec, flint.ctx.cap, list(warnings.filters)) == before


# ---------------------------------------------------------------- what the bounds rest on


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_honest_reach_holds_what_is_exact_and_what_numpy_computes(activation: str) -> None:
    asked = question(dense(layout="ni,io->no", activation=activation), seed=5)
    step = 2.0**COMPLEX_STEP_EXPONENT
    moved: dict[str, Any] = dict(asked.inputs)
    moved["b"] = moved["b"] + 1j * step * np.array([1, 0, 0, 0])
    complex_ = activation in ANALYTIC
    computed = plain_layer("ni,io->no", activation)(moved if complex_ else asked.inputs)["A"]
    exact = answered(EnclosureOracle(), asked)
    with precision(192, LENGTH):
        domain = Honest()
        reaches = Pointwise(
            asked.derivation,
            lambda name, place: domain.given(
                asked.inputs[name].item(place), (name, place) == ("b", (0,))
            ),
            asked.sizes,
            domain,
        )
        for place in np.ndindex(computed.shape):
            value, slope = domain.closed(reaches.entry("A", place))
            middle, radius = exact.values["A"][place], exact.radii["A"][place]
            assert value.contains(flint.arb(middle, radius))
            assert value.contains(flint.arb(computed[place].real))
            if complex_:
                assert slope.contains(flint.arb(computed[place].imag / step))


@pytest.mark.parametrize("complex_", [False, True])
def test_jets_hold_the_derivatives_along_the_segment(complex_: bool) -> None:
    with precision(160, LENGTH):
        domain = Jets(complex_)
        middle, radius = flint.arb("0.3"), flint.arb(2) ** -20
        at = middle + flint.arb(0, 1) * radius
        jet = domain.smooth("tanh", domain.variable(flint.acb(at) if complex_ else at))
        for x in (middle, middle - radius, middle + radius):
            t = x.tanh()
            slope = 1 - t * t
            exact = (t, slope, -t * slope, (3 * t * t - 1) * slope / 3)
            for order, value in enumerate(exact):
                assert jet[order].real.contains(value.mid())


def test_a_jet_that_moves_across_a_kink_is_undetermined() -> None:
    with precision(160, LENGTH):
        domain = Jets()
        moving = domain.variable(flint.arb(0, 1))
        assert not domain.halves(moving, 0)[0][0].is_finite()
        still = domain.fixed(flint.arb(0))
        assert domain.halves(still, 0)[0][0].is_zero()


# ---------------------------------------------------------------- arrays under watch


def test_analytic_operations_keep_an_array_under_watch() -> None:
    z = watch(np.array([[0.5, -1.0], [2.0, 3.0]]))
    plain = np.array([[1.0, 2.0], [3.0, 4.0]])
    results = [
        z + 1,
        plain @ z,
        z.T @ plain,
        np.exp(-z) / (1 + np.exp(z)),
        np.where(z > 0, z, 0),
        np.maximum(z, 0).sum(axis=0),
        np.einsum("ij,kj->ik", z, plain),
        np.concatenate([z, plain]),
        z.mean(),
        z[0] * z[1, 1:],
        np.sum(z, axis=1, keepdims=True),
        z.copy().reshape(4),
        np.split(z, 2)[0],
        np.add(z, plain, out=np.zeros((2, 2), dtype=complex)),
    ]
    assert all(isinstance(result, AnalyticArray) for result in results)
    assert not isinstance(z > 0, AnalyticArray)
    assert unwatch(results[0]) is not None
    assert unwatch(np.array(z)) is None


@pytest.mark.parametrize(
    "operation",
    [
        np.abs,
        np.conj,
        np.sign,
        np.real,
        np.angle,
        np.linalg.norm,
        lambda z: np.vdot(z, z),
        lambda z: z.real,
        lambda z: z.imag,
        lambda z: z.conj(),
        lambda z: z.conjugate(),
        lambda z: np.hypot(z, 1),
        lambda z: np.nan_to_num(z),
        abs,
    ],
)
def test_what_is_not_analytic_is_refused(operation: Callable[[Any], Any]) -> None:
    with pytest.raises(NotAnalyticError):
        operation(watch(np.array([1.0, 2.0])))


def test_the_bound_of_an_answer_is_an_answer() -> None:
    asked = LIBRARY["ni,io->no linear"]
    got = answered(DifferencesOracle(plain_layer("ni,io->no", "linear"), method="central"), asked)
    assert isinstance(got, Answer)
    # Nothing bends: what is left is rounding, some u of the moduli over the widest step.
    assert max(radius.max() for radius in got.radii.values()) < 2.0**-44
