"""The oracles agree on positions, choices, maxima and products, each in its own way."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backproof.oracles import boxes
from backproof.oracles.autodiff import AutodiffOracle
from backproof.oracles.derived import Derived
from backproof.oracles.differences import DifferencesOracle
from backproof.oracles.enclosure import EnclosureOracle
from backproof.oracles.exact import ExactOracle
from backproof.oracles.matching import settled_in
from backproof.oracles.outcome import Question, axes_by_name
from backproof.oracles.pointwise import work
from backproof.spec.layer import Spec
from backproof.spec.terms import Sum, walk
from tests.oracles.layer_questions import Draw, answered, integers, intersects, normal

RATIONAL = {
    "convolution": "Y[n,t,f] = sum[k,c](X[n,t+k,c]*W[k,c,f]) + b[f]",
    "convolution with stride": "Y[n,t] = sum[k](X[n,3*t+2*k+1]*w[k])",
    "convolution in the plane": "Y[t,v,f] = sum[k,l](X[2*t+k,v+l]*W[k,l,f])",
    "two convolutions": "H[t] = max(sum[k](X[t+k]*w[k]), 0)\nY[u] = sum[j](H[u+2*j]*v[j])",
    "average pooling": "axes k = 2\nY[n,t,c] = mean[k](X[n,2*t+k,c])",
    "overlapping maximum pooling": "axes k = 3\nY[n,t,c] = max[k](X[n,2*t+k,c])",
    "huber": "L = mean[n](where(abs(y[n]-z[n]) < 1, (y[n]-z[n])^2/2, abs(y[n]-z[n]) - 1/2))",
    "relu as a maximum": "Y[n,o] = max(sum[i](X[n,i]*W[o,i]), 0)",
    "product": "y[n] = prod[k](X[n,k])",
    "product of sums": "y = prod[k](x[k]*c[k] + 1/3)",
    "a stated hardmax": "Y[n,k] = hardmax[k](X[n,k])*W[n,k]",
    "a diagonal position": "Y[t] = X[2*t+1,t]^2",
}
IRRATIONAL = {
    "masked softmax": "A[n,k] = softmax[k](where(M[n,k] > 0, Z[n,k]/3, -1000))",
    "a branch that is not always real": "Y[n] = where(X[n] > 0, log(X[n]), X[n])",
    "maximum of functions": "Y[n] = max[k](tanh(X[n,k])*c[k])",
}
EVERY = RATIONAL | IRRATIONAL


def ask(text: str, draw: Draw, seed: int = 0, **fixed: object) -> Question:
    """All values and gradients, at distinct sizes as far as the program leaves them open."""
    spec = Spec(text)
    derivation, program = spec.derivation, spec.program
    sizes = program.consistent({axis: 2 + k for k, axis in enumerate(program.axes)})
    source = np.random.default_rng(seed)
    axes = axes_by_name(derivation)
    names = (*program.inputs, *derivation.upstreams)
    inputs = {n: draw(source, tuple(sizes[axis] for axis in axes[n])) for n in names}
    inputs |= {name: np.asarray(value, np.float64) for name, value in fixed.items()}
    gradients = [g.name for g in derivation.gradients.values() if not g.is_upstream]
    return Question(derivation, inputs, (*program.defined, *gradients))


@pytest.mark.parametrize("draw", [normal, integers])
@pytest.mark.parametrize("name", EVERY)
def test_all_oracles_agree(name: str, draw: Draw) -> None:
    asked = ask(EVERY[name], draw)
    enclosed = answered(EnclosureOracle(), asked)
    others = [AutodiffOracle(), Derived(), *([ExactOracle()] if name in RATIONAL else [])]
    for oracle in others:
        answer = answered(oracle, asked)
        for quantity in asked.wanted:
            assert np.isfinite(answer.radii[quantity]).all()
            assert intersects(answer, enclosed, quantity), (oracle.name, quantity)


@pytest.mark.parametrize("name", EVERY)
def test_away_from_ties_a_radius_is_rounding_alone(name: str) -> None:
    asked = ask(EVERY[name], normal)
    for oracle in (AutodiffOracle(), Derived(), EnclosureOracle()):
        answer = answered(oracle, asked)
        for quantity in asked.wanted:
            assert answer.radii[quantity].max(initial=0.0) <= 2.0**-40


def test_a_convolution_agrees_with_the_one_that_jax_has() -> None:
    text = "axes n = 2, l = 3, c = 2, f = 3\nY[n,t,v,f] = sum[k,l,c](X[n,2*t+k,v+l,c]*W[k,l,c,f])"
    asked = ask(text, integers)

    def convolved(X: jax.Array, W: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(
            X, W, (2, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    with jax.enable_x64(True):
        X, W, dY = (jnp.asarray(asked.inputs[name]) for name in ("X", "W", "dY"))
        Y, pull = jax.vjp(convolved, X, W)
        dX, dW = pull(dY)
    # Whole numbers, so that nothing is rounded.
    for oracle in (AutodiffOracle(), EnclosureOracle(), Derived()):
        answer = answered(oracle, asked)
        for quantity, known in (("Y", Y), ("dX", dX), ("dW", dW)):
            assert (answer.lower(quantity) <= np.asarray(known)).all()
            assert (np.asarray(known) <= answer.upper(quantity)).all()


def test_a_product_has_the_gradient_that_jax_gives_it_at_a_zero() -> None:
    x = [2.0, 0.0, 5.0, -3.0]
    asked = ask("y = prod[k](x[k])", integers, x=x, dy=1.0)
    known = jax.grad(jnp.prod)(jnp.asarray(x))
    for oracle in (AutodiffOracle(), EnclosureOracle(), ExactOracle(), Derived()):
        answer = answered(oracle, asked)
        assert (answer.lower("dx") <= known).all()
        assert (known <= answer.upper("dx")).all()
        assert (answer.radii["dx"] <= 2.0**-40).all()


def test_on_a_tie_every_share_is_in_the_hull() -> None:
    asked = ask("y = max[k](x[k])", integers, x=[1.0, 4.0, 4.0])
    for oracle in (AutodiffOracle(), EnclosureOracle(), ExactOracle(), Derived()):
        answer = answered(oracle, asked)
        assert abs(answer.values["y"] - 4.0) <= answer.radii["y"] <= 2.0**-40
        assert (answer.lower("dx") <= [0.0, 0.0, 0.0]).all()
        assert (answer.upper("dx") >= [0.0, 1.0, 1.0]).all()
        assert answer.upper("dx")[0] <= 2.0**-40


def test_a_stated_hardmax_shares_a_tie_equally() -> None:
    asked = ask("Y[k] = hardmax[k](x[k])", integers, x=[1.0, 4.0, 4.0], dY=np.ones(3))
    for oracle in (EnclosureOracle(), ExactOracle(), Derived()):
        answer = answered(oracle, asked)
        assert answer.values["Y"].tolist() == [0.0, 0.5, 0.5]
        assert (answer.radii["Y"] <= 2.0**-50).all()


def test_a_mask_of_zeros_and_ones_is_no_kink() -> None:
    text = IRRATIONAL["masked softmax"]
    M = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    asked = ask(text, normal, M=M)
    for oracle in (EnclosureOracle(), Derived()):
        answer = answered(oracle, asked)
        assert (answer.radii["A"] <= 2.0**-40).all()
        assert (answer.radii["dZ"] <= 2.0**-40).all()
        assert (answer.upper("A")[M == 0] <= 2.0**-1000).all()


def test_at_a_kink_that_depends_on_it_a_gradient_is_a_hull() -> None:
    asked = ask("y[n] = where(x[n] > 0, 5*x[n], x[n])", integers, x=[0.0, 1.0], dy=[1.0, 1.0])
    for oracle in (AutodiffOracle(), EnclosureOracle(), ExactOracle(), Derived()):
        answer = answered(oracle, asked)
        assert answer.lower("dx")[0] <= 1.0
        assert answer.upper("dx")[0] >= 5.0
        assert answer.lower("dx")[1] >= 5.0 - 2.0**-40


def test_a_sum_runs_over_no_index_that_a_position_settles() -> None:
    asked = ask(RATIONAL["convolution"], normal)
    derivation, sizes = asked.derivation, asked.sizes
    n, t, f, k, c = (sizes[axis] for axis in "ntfkc")
    assert work(derivation, ["Y"], sizes) == n * t * f * k * c
    assert work(derivation, ["dW"], sizes) == n * t * f * k * c
    _, value = derivation.definition("Y")
    found = [
        pair for node in walk(value) if isinstance(node, Sum) for pair in settled_in(node, sizes)
    ]
    assert [index.name for _, index in found] == ["s"]


def forward(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    X, W = inputs["X"], inputs["W"]
    K = len(W)
    windows = np.stack([X[:, k : X.shape[1] - K + 1 + k] for k in range(K)])
    Z = np.einsum("kntc,kc->nt", windows, W) + inputs["b"]
    return {"Y": np.where(Z > 0, Z, Z / 4)}


def test_differences_of_a_forward_pass_with_positions_and_a_choice() -> None:
    text = "Z[n,t] = sum[k,c](X[n,t+k,c]*W[k,c]) + b\nY[n,t] = where(Z[n,t] > 0, Z[n,t], Z[n,t]/4)"
    asked = ask(text, normal)
    oracle = DifferencesOracle(forward, most_work=10**9)
    gradients = Question(asked.derivation, asked.inputs, ("dW", "db"))
    found, enclosed = answered(oracle, gradients), answered(EnclosureOracle(), asked)
    assert oracle.methods == {"dW": "complex", "db": "complex"}
    for name in ("dW", "db"):
        assert intersects(found, enclosed, name)
        assert (found.radii[name] <= 2.0**-30).all()


def test_a_sum_into_places_is_within_its_bounds_in_every_order() -> None:
    source = np.random.default_rng(3)
    values = source.standard_normal(200) * 2.0 ** source.integers(-20, 1, 200)
    places = source.integers(0, 7, 200)
    found = boxes.total_at(boxes.point(values), places, 9)
    for _ in range(20):
        order = source.permutation(200)
        added = np.zeros(9)
        np.add.at(added, places[order], values[order])
        assert (found.low <= added).all()
        assert (added <= found.high).all()
    assert found.low[7:].tolist() == found.high[7:].tolist() == [0.0, 0.0]
    assert (found.high - found.low <= 2.0**-30).all()
