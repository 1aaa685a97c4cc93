from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backproof.oracles import autodiff, boxes
from backproof.oracles.autodiff import AutodiffOracle, trace
from backproof.oracles.averages import averaged_axis
from backproof.oracles.boxes import Box
from backproof.oracles.enclosure import EnclosureOracle
from backproof.oracles.exact import ExactOracle
from backproof.oracles.outcome import Answer, Question, Unavailable
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts
from tests.oracles.layer_questions import (
    LIBRARY,
    answered,
    contains,
    integers,
    intersects,
    question,
)


@pytest.fixture
def fresh_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing traced before or during the test is kept."""
    monkeypatch.setattr(autodiff, "_KEPT", {})


def refusal(asked: Question) -> str:
    outcome = AutodiffOracle().answer(asked)
    assert isinstance(outcome, Unavailable)
    assert outcome.oracle == "autodiff"
    return outcome.reason


@pytest.mark.parametrize("title", LIBRARY)
def test_it_agrees_with_the_enclosure(title: str) -> None:
    asked = LIBRARY[title]
    traced, enclosed = answered(AutodiffOracle(), asked), answered(EnclosureOracle(), asked)
    assert set(traced.values) == set(asked.wanted)
    for name in asked.wanted:
        assert intersects(traced, enclosed, name)
        assert np.isfinite(traced.radii[name]).all()


@pytest.mark.parametrize("activation", ["linear", "relu", "leaky_relu", "abs"])
def test_rational_values_lie_inside(activation: str) -> None:
    asked = question(dense(activation=activation), draw=integers, seed=3)
    traced, exact = answered(AutodiffOracle(), asked), answered(ExactOracle(), asked)
    for name in asked.wanted:
        assert intersects(traced, exact, name)
        known = exact.radii[name] == 0
        inside = (traced.lower(name) <= exact.values[name]) & (
            exact.values[name] <= traced.upper(name)
        )
        assert inside[known].all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_jax_itself_computes_lies_inside(
    activation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The traced program, compiled and run by JAX, whose rounding the intervals bound as well."""
    exactly = boxes.monotone

    def within_four_ulps(box: Box, function: boxes.Monotone) -> Box:
        # What XLA promises of its elementary functions; the intervals hold exact values alone.
        exact = exactly(box, function)
        slack = [4 * np.abs(np.spacing(end)) for end in (exact.low, exact.high)]
        return Box(exact.low - slack[0], exact.high + slack[1])

    monkeypatch.setattr(boxes, "monotone", within_four_ulps)
    asked = LIBRARY[f"ni,io->no {activation}"]
    got = answered(AutodiffOracle(), asked)
    program, sizes = asked.derivation.program, asked.sizes

    def outputs(X: Any, W: Any, b: Any) -> tuple[Any, Any]:
        inputs = {"X": X, "W": W, "b": b}
        defined = autodiff.forward(program, sizes, inputs, {"Z": 0.0, "A": 0.0})
        return defined["A"], defined["Z"]

    def both(X: Any, W: Any, b: Any, dA: Any) -> dict[str, Any]:
        A, pull, Z = jax.vjp(outputs, X, W, b, has_aux=True)
        dX, dW, db = pull(dA)
        return {"Z": Z, "A": A, "dX": dX, "dW": dW, "db": db}

    with jax.enable_x64(True):
        values = jax.jit(both)(*(jnp.asarray(asked.inputs[n]) for n in ("X", "W", "b", "dA")))
        arrays = {name: np.asarray(value) for name, value in values.items()}
    for name, array in arrays.items():
        assert array.dtype == np.float64
        assert (got.lower(name) <= array).all()
        assert (array <= got.upper(name)).all()


@pytest.mark.parametrize(
    ("activation", "low", "high"),
    [("relu", 0.0, 1.0), ("leaky_relu", 0.01, 1.0), ("abs", -1.0, 1.0), ("elu", 1.0, 1.0)],
)
def test_at_a_kink_it_holds_what_jax_may_pick(activation: str, low: float, high: float) -> None:
    asked = question(
        dense(activation=activation), X=np.zeros((2, 3)), b=np.zeros(4), dA=np.ones((2, 4))
    )
    got = answered(AutodiffOracle(), asked)
    assert (got.lower("dZ") <= low).all()
    assert (got.upper("dZ") >= high).all()


@pytest.mark.parametrize("layout", layouts())
def test_a_declared_mean_divides_the_gradients_of_parameters(layout: str) -> None:
    plain = dense(layout=layout, activation="tanh")
    averaged = dense(layout=layout, activation="tanh", scale="mean")
    whole = answered(AutodiffOracle(), question(plain, seed=4))
    halves = answered(AutodiffOracle(), question(averaged, seed=4))
    # Two samples: halving the ends of an interval is exact.
    half = Answer(
        "half",
        {name: array / 2 for name, array in whole.values.items()},
        {name: array / 2 for name, array in whole.radii.items()},
    )
    for name in ("dW", "db"):
        assert contains(halves, half, name)
        assert (halves.radii[name] < whole.radii[name]).all()
    for name in ("Z", "A", "dZ", "dX"):
        assert np.array_equal(halves.values[name], whole.values[name])
    axes = {
        g.of: averaged_axis(averaged.program, g) for g in averaged.derivation.gradients.values()
    }
    samples = averaged.samples
    assert axes == {"A": None, "Z": None, "X": None, "W": samples, "b": samples}


def test_an_upstream_gradient_that_is_asked_for_is_given_back() -> None:
    asked = LIBRARY["ni,io->no tanh"]
    got = answered(AutodiffOracle(), Question(asked.derivation, asked.inputs, ("dA", "dZ")))
    assert np.array_equal(got.values["dA"], asked.inputs["dA"])
    assert not got.radii["dA"].any()
    assert set(got.values) == {"dA", "dZ"}


TERMS = {
    "a diagonal": "y[n] = M[n,n]*x[n]^2",
    "a delta": "y[n] = sum[k](delta[n,k]*x[k]^3)",
    "roots": "y[n] = x[n]^(1/2) + x[n]^(1/3) + x[n]^(-2) + sqrt(x[n])*x[n]^(-3/2)",
    "a function's derivative": "y[n] = sigmoid'(x[n])*x[n] + gelu'(x[n])",
    "a constant and a size": "y[n] = pi*x[n]/size(n) + 1/3",
    "a sum of what does not depend on it": "y[n] = x[n] + sum[j](x[n]) + sum[j](z[j])",
    "one letter bound twice": "y[n] = sum[k](x[k]*sum[j](x[j]^2)) + sum[k](x[k]^3)*x[n]",
    "a logarithm of a sum": "y[n] = x[n]*logsumexp[k](x[k])",
    "a softmax along a bound index": "y[n] = sum[k](softmax[k](x[k])*x[k]*x[n])",
    "steps and signs": "y[n] = step(x[n] - 2)*x[n] + sign(x[n])*x[n]^2 + relu(x[n] - 1)",
    "a tensor used twice": "u[n] = exp(x[n])\ny[n] = u[n]*x[n] + log(u[n])",
    "an output that nothing reaches": "y[n] = x[n]*0 + 1",
}


@pytest.mark.parametrize("text", TERMS.values(), ids=TERMS)
def test_every_kind_of_term(text: str) -> None:
    spec = Spec(text)
    sizes = {"": 3}
    asked = question(spec, draw=lambda source, shape: source.uniform(0.5, 3, shape), sizes=sizes)
    traced, enclosed = answered(AutodiffOracle(), asked), answered(EnclosureOracle(), asked)
    for name in asked.wanted:
        assert intersects(traced, enclosed, name)
        assert np.isfinite(traced.radii[name]).all()


def test_an_empty_batch() -> None:
    asked = question(dense(activation="tanh"), sizes={"samples": 0, "inputs": 3, "outputs": 4})
    got = answered(AutodiffOracle(), asked)
    assert got.values["Z"].shape == (0, 4)
    assert not got.values["dW"].any()
    assert not got.radii["dW"].any()


def test_the_users_jax_settings_are_left_alone() -> None:
    before = jax.config.jax_enable_x64
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        answered(AutodiffOracle(), question(dense(activation="gelu"), seed=9))
        assert jax.config.jax_numpy_rank_promotion == "raise"
    assert jax.config.jax_enable_x64 is before
    assert jnp.ones(1).dtype == (jnp.float64 if before else jnp.float32)


def test_a_program_is_traced_once_for_given_sizes(fresh_traces: None) -> None:
    asked = LIBRARY["ni,io->no tanh"]
    first = trace(asked.derivation, asked.sizes)
    assert trace(dense(layout="ni,io->no", activation="tanh").derivation, asked.sizes) is first
    assert trace(asked.derivation, asked.sizes | {"n": 5}) is not first
    for n in range(autodiff._MOST_KEPT + 1):
        trace(Spec(f"y[n] = x[n] + {n}").derivation, {"n": 2})
    assert len(autodiff._KEPT) == autodiff._MOST_KEPT
    assert trace(asked.derivation, asked.sizes) is not first


def test_modes_that_contradict_each_other_are_no_answer(
    monkeypatch: pytest.MonkeyPatch, fresh_traces: None
) -> None:
    true_vjp = jax.vjp

    def doubled(function: Callable[..., Any], *primals: Any, **options: Any) -> Any:
        value, pull, aux = true_vjp(function, *primals, **options)
        return value, lambda seeds: [2 * gradient for gradient in pull(seeds)], aux

    asked = LIBRARY["ni,io->no tanh"]
    answered(AutodiffOracle(), asked)
    monkeypatch.setattr(jax, "vjp", doubled)
    monkeypatch.setattr(autodiff, "_KEPT", {})
    assert refusal(asked) == "JAX's forward and reverse mode contradict each other"


def test_what_it_cannot_do_is_said(monkeypatch: pytest.MonkeyPatch, fresh_traces: None) -> None:
    asked = LIBRARY["ni,io->no tanh"]
    assert "g is an abstract function" in refusal(question(dense()))
    small = AutodiffOracle(most_entries=23).answer(asked)
    assert isinstance(small, Unavailable)
    assert "24 points" in small.reason
    known = autodiff._functions()
    monkeypatch.setitem(known, "tanh", lambda x: jnp.cumsum(x, axis=0))
    assert "primitive cumsum" in refusal(asked)
    monkeypatch.delitem(known, "tanh")
    monkeypatch.setattr(autodiff, "_KEPT", {})
    assert "no function of JAX is known for tanh" in refusal(asked)


def test_without_jax_it_says_so(monkeypatch: pytest.MonkeyPatch, fresh_traces: None) -> None:
    def missing(*_: Any) -> Any:
        raise ImportError("No module named 'jax'")

    monkeypatch.setattr(autodiff, "_closed", missing)
    assert refusal(LIBRARY["ni,io->no tanh"]) == "JAX cannot be imported: No module named 'jax'"


def test_activations_that_jax_does_not_have_are_unfolded(
    monkeypatch: pytest.MonkeyPatch, fresh_traces: None
) -> None:
    known = autodiff._functions()
    for name in ("silu", "gelu", "elu", "leaky_relu", "sqrt", "linear"):
        monkeypatch.delitem(known, name)
    for activation in ("silu", "gelu", "elu", "leaky_relu"):
        asked = LIBRARY[f"oi,in->on {activation}"]
        traced, enclosed = answered(AutodiffOracle(), asked), answered(EnclosureOracle(), asked)
        for name in asked.wanted:
            assert intersects(traced, enclosed, name)


def test_a_wrong_derivative_in_jax_is_seen(
    monkeypatch: pytest.MonkeyPatch, fresh_traces: None
) -> None:
    @jax.custom_jvp
    def tanh(x: Any) -> Any:
        return jnp.tanh(x)

    # Off by one part in a million million.
    tanh.defjvps(lambda t, value, x: t * (1 - value**2) * (1 + 1e-12))
    monkeypatch.setitem(autodiff._functions(), "tanh", tanh)
    asked = LIBRARY["ni,io->no tanh"]
    traced, enclosed = answered(AutodiffOracle(), asked), answered(EnclosureOracle(), asked)
    assert not intersects(traced, enclosed, "dZ")
    assert intersects(traced, enclosed, "A")


def test_a_radius_is_a_few_units_of_what_is_summed() -> None:
    asked = question(dense(activation="linear"), seed=2)
    got = answered(AutodiffOracle(), asked)
    dA, X = asked.inputs["dA"], asked.inputs["X"]
    # Two products and one sum, each rounded outwards from both ends: 8 u of the moduli.
    moduli = np.abs(dA).T @ np.abs(X)
    assert (got.radii["dW"] <= 8 * float(Fraction(1, 2**53)) * moduli).all()
    assert contains(got, answered(ExactOracle(), asked), "dW")
