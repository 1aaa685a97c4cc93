"""What the notation says beyond products and sums: conditions, extremes, positions, macros.

Each construct is held against the plain index notation that it stands for, or against JAX's own
derivative at whole numbers, where every operation is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backproof.spec.claims.reading import read_claim
from backproof.spec.deciding.equal import Kind, decide
from backproof.spec.errors import SpecError
from backproof.spec.layer import Spec
from backproof.spec.values.numbers import Rationals
from backproof.spec.values.pointwise import Evaluation

CONVOLUTION = "Z[n,t,d] = sum[k,c](X[n,t+k,c]*K[k,c,d]) + b[d]"
STRIDED = "Z[n,t,d] = sum[k,c](X[n,2*t+k,c]*K[k,c,d])"
IMAGE = "Z[n,u,v,d] = sum[p,q,c](X[n,u+p,v+q,c]*K[p,q,c,d])"
POOLING = "axes k = 2\nP[n,t,c] = mean[k](X[n,2*t+k,c])"
MAX_POOLING = "axes k = 2\nP[n,t,c] = max[k](X[n,2*t+k,c])"
HUBER = "L = mean[n](where(abs(Y[n] - X[n]) <= 2, (Y[n] - X[n])^2/2, 2*abs(Y[n] - X[n]) - 2))"


def exact_gradients(spec: Spec, sizes: Mapping[str, int], given: Mapping[str, Any]) -> Any:
    """Every derived gradient of an input at a point, as arrays of rationals made floats."""
    evaluation = Evaluation(
        spec.derivation,
        Rationals(),
        sizes,
        lambda name, position: Fraction(int(given[name][position])),
    )
    found = {}
    for name in spec.program.inputs:
        shape = spec.program.shape(name, sizes)
        array = np.zeros(shape)
        for position in product(*map(range, shape)):
            array[position] = float(evaluation.entry(f"d{name}", position))
        found[name] = array
    return found


def jax_gradients(function: Any, names: list[str], given: Mapping[str, Any]) -> Any:
    """JAX's own vector-Jacobian product of a function written by hand."""
    with jax.enable_x64(True):
        arrays = [jnp.asarray(given[name], dtype=jnp.float64) for name in names]
        out, pull = jax.vjp(function, *arrays)
        upstream = given.get("upstream", np.ones(out.shape))
        return dict(zip(names, pull(jnp.asarray(upstream, dtype=jnp.float64)), strict=True))


def convolved(X: Any, K: Any, stride: int) -> Any:
    return jax.lax.conv_general_dilated(
        X, K, (stride,), "VALID", dimension_numbers=("NTC", "TIO", "NTC")
    )


def convolved_image(X: Any, K: Any) -> Any:
    return jax.lax.conv_general_dilated(
        X, K, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def huber(X: Any, Y: Any) -> Any:
    off = Y - X
    return jnp.mean(jnp.where(jnp.abs(off) <= 2, off**2 / 2, 2 * jnp.abs(off) - 2))


CASES = {
    "convolution": (CONVOLUTION, lambda X, K, b: convolved(X, K, 1) + b, "XKb", "Z"),
    "stride": (STRIDED, lambda X, K: convolved(X, K, 2), "XK", "Z"),
    "image": (IMAGE, convolved_image, "XK", "Z"),
    "average pooling": (
        POOLING,
        lambda X: X.reshape(len(X), -1, 2, X.shape[-1]).mean(axis=2),
        "X",
        "P",
    ),
    "max pooling": (
        MAX_POOLING,
        lambda X: X.reshape(len(X), -1, 2, X.shape[-1]).max(axis=2),
        "X",
        "P",
    ),
    "huber": (HUBER, huber, "XY", "L"),
    "product": ("P[n] = prod[o](Z[n,o])", lambda Z: jnp.prod(Z, axis=1), "Z", "P"),
    "largest": ("M[n] = max[o](Z[n,o])", lambda Z: jnp.max(Z, axis=1), "Z", "M"),
    "least": ("M[n] = min[o](Z[n,o])", lambda Z: jnp.min(Z, axis=1), "Z", "M"),
    "largest of two": ("A[n,o] = max(Z[n,o], 0)", lambda Z: jnp.maximum(Z, 0), "Z", "A"),
    "least of three": (
        "A[n,o] = min(Z[n,o], Y[n], 3)",
        lambda Z, Y: jnp.minimum(jnp.minimum(Z, Y[:, None]), 3),
        "ZY",
        "A",
    ),
}


def whole_numbers(shape: tuple[int, ...], seed: int) -> Any:
    """Distinct whole numbers, none shared by two seeds below 4, none at a kink here."""
    count = int(np.prod(shape))
    values = [4 * v + seed for v in range(-count, count + 1) if v not in (-1, 0)]
    return np.random.default_rng(seed).choice(values, size=count, replace=False).reshape(shape)


@pytest.mark.parametrize("name", CASES)
def test_the_derived_gradients_are_those_of_jax(name: str) -> None:
    text, function, inputs, output = CASES[name]
    spec = Spec(text)
    free = {axis: 2 + k % 3 for k, axis in enumerate(spec.program.axes)}
    if name == "huber":
        free["n"] = 4
    sizes = spec.program.consistent(free)
    given: dict[str, Any] = {
        tensor: whole_numbers(spec.program.shape(tensor, sizes), seed)
        for seed, tensor in enumerate(inputs)
    }
    if name == "huber":
        # Differences of 1, -1, 5 and -7: two inside the quadratic part, two outside of it.
        given = {"X": np.array([0, 5, -4, 9]), "Y": np.array([1, 4, 1, 2])}
    if spec.program.loss is None:
        given["upstream"] = whole_numbers(spec.program.shape(output, sizes), 9)
        given[f"d{output}"] = given["upstream"]

    mine = exact_gradients(spec, sizes, given)

    theirs = jax_gradients(function, list(inputs), given)
    for tensor in inputs:
        assert np.array_equal(mine[tensor], np.asarray(theirs[tensor])), tensor


def test_an_axis_is_as_long_as_the_positions_on_it_need() -> None:
    program = Spec("Z[t] = sum[k](X[2*t+k+1]*K[k]) + sum[j](X[3*t+j]*M[j])").program

    sizes = program.consistent({"t": 3, "k": 2, "j": 4, "s": 1})

    assert sizes["s"] == max(2 * 2 + 1 + 1 + 1, 3 * 2 + 3 + 1)


def test_a_declared_size_is_a_number() -> None:
    spec = Spec(POOLING)

    claim = read_claim("dX[n,s,c] = sum[t,k](delta[s,2*t+k]*dP[n,t,c])/2", spec.derivation)

    assert decide(claim).kind is Kind.EQUAL


@pytest.mark.parametrize(
    ("text", "claim", "kind"),
    [
        (CONVOLUTION, "dK[k,c,d] = sum[n,t](X[n,t+k,c]*dZ[n,t,d])", Kind.EQUAL),
        (CONVOLUTION, "dX[n,s,c] = sum[t,k,d](delta[s,k+t]*K[k,c,d]*dZ[n,t,d])", Kind.EQUAL),
        (CONVOLUTION, "dK[k,c,d] = sum[n,t](X[n,t,c]*dZ[n,t,d])", Kind.DIFFERENT),
        (CONVOLUTION, "sum[s](delta[s,t+k]) = 1", Kind.EQUAL),
        (CONVOLUTION, "sum[s](delta[s,t]) = 1", Kind.EQUAL),
        (CONVOLUTION, "b[d]*sum[s](delta[s,t+k+1]) = b[d]", Kind.DIFFERENT),
        (CONVOLUTION, "b[d]*sum[s](delta[s,2*t+k]) = b[d]", Kind.DIFFERENT),
        (CONVOLUTION, "sum[s](dX[n,s,c]) = sum[t,d](dZ[n,t,d]*sum[k](K[k,c,d]))", Kind.EQUAL),
        (CONVOLUTION, "sum[s](dX[n,s,c]) = sum[t,d](dZ[n,t,d]*K[t,c,d])", Kind.DIFFERENT),
        ("A[n,o] = max(Z[n,o], 0)", "A[n,o] = relu(Z[n,o])", Kind.EQUAL),
        ("A[n,o] = max(Z[n,o], 0)", "dZ[n,o] = dA[n,o]*step(Z[n,o])", Kind.EQUAL),
        ("A[n,o] = max(Z[n,o], 0)", "dZ[n,o] = dA[n,o]", Kind.DIFFERENT),
        ("P[n] = prod[o](Z[n,o])", "dZ[n,o] = dP[n]*P[n]/Z[n,o]", Kind.ASSUMES),
        ("P[n] = prod[o](Z[n,o])", "dZ[n,o] = dP[n]*P[n]", Kind.DIFFERENT),
        ("P[n] = prod[o](Z[n,o]*Y[o])", "P[n] = prod[o](Z[n,o])*prod[o](Y[o])", Kind.EQUAL),
        ("P[n] = prod[o](2*Z[n,o])", "P[n] = 2*prod[o](Z[n,o])", Kind.DIFFERENT),
        ("M[n] = max[o](2*Z[n,o] + c[n])", "M[n] = 2*max[o](Z[n,o]) + c[n]", Kind.EQUAL),
        ("M[n] = max[o](-Z[n,o])", "M[n] = -min[o](Z[n,o])", Kind.EQUAL),
        ("M[n] = max[o](-Z[n,o])", "M[n] = -max[o](Z[n,o])", Kind.DIFFERENT),
        ("M[n] = max[o](Z[n,o])", "dZ[n,o] = dM[n]*hardmax[o](Z[n,o])", Kind.EQUAL),
        ("M[n] = max[o](Z[n,o])", "dZ[n,o] = dM[n]*softmax[o](Z[n,o])", Kind.DIFFERENT),
        (
            HUBER,
            "dX[n] = where(abs(X[n]-Y[n]) <= 2, X[n]-Y[n], 2*sign(X[n]-Y[n]))/size(n)",
            Kind.EQUAL,
        ),
        (HUBER, "dX[n] = where(abs(X[n]-Y[n]) <= 2, X[n]-Y[n], 2)/size(n)", Kind.DIFFERENT),
    ],
)
def test_claims(text: str, claim: str, kind: Kind) -> None:
    assert decide(read_claim(claim, Spec(text).derivation)).kind is kind


def test_a_condition_keeps_its_branches_apart() -> None:
    spec = Spec("A[n] = where(Z[n] > 0, log(Z[n]), 0)")

    assert spec.gradients()["Z"].index == "dZ[n] = dA[n]*where(Z[n] > 0, 1/Z[n], 0)"


def test_macros_stand_for_what_they_say() -> None:
    spec = Spec(
        "def dense(X[n,i], W[o,i], b[o]) = sum[i](X[n,i]*W[o,i]) + b[o]\n"
        "def swish(x) = x*sigmoid(x)\n"
        "H[n,h] = swish(dense(X[n,i], W1[h,i], b1[h]))\n"
        "A[n,k] = dense(H[n,h], W2[k,h], b2[k])"
    )
    plain = Spec(
        "H[n,h] = (sum[i](X[n,i]*W1[h,i]) + b1[h])*sigmoid(sum[i](X[n,i]*W1[h,i]) + b1[h])\n"
        "A[n,k] = sum[h](H[n,h]*W2[k,h]) + b2[k]"
    )

    assert [str(e) for e in spec.statements().values()] == [
        str(e) for e in plain.statements().values()
    ]
    assert [str(e) for e in spec.gradients().values()] == [
        str(e) for e in plain.gradients().values()
    ]


@pytest.mark.parametrize(
    "text",
    [CONVOLUTION, STRIDED, IMAGE, POOLING, MAX_POOLING, HUBER, "P[n] = prod[o](Z[n,o] + 1)"],
)
def test_what_is_printed_is_read_back(text: str) -> None:
    spec = Spec(text)
    declared = "".join(line + "\n" for line in text.splitlines()[:-1])
    (statement,) = spec.statements().values()

    again = Spec(declared + statement.index)

    assert again.statements().keys() == spec.statements().keys()
    assert [e.index for e in again.statements().values()] == [statement.index]
    for gradient in spec.gradients().values():
        if not gradient.is_upstream:
            assert decide(read_claim(gradient.index, spec.derivation)).kind is Kind.EQUAL


def test_a_statement_defines_plain_entries() -> None:
    with pytest.raises(SpecError):
        Spec("Z[t+1] = X[t]")


@pytest.mark.parametrize(
    "text",
    [
        "axes n = 3, k = 2\nZ[n] = sum[k](X[n+k])\nY[n] = X[n]",
        "Z[t] = sum[k](X[t+k]*w[k]) + X[t]",
        "Z[p,q] = sum[u,v](X[p+u,q+v]*K[u,v])*X[p,q]",
        "Y[n] = X[n]\nZ[n] = X[n+1]",
    ],
)
def test_an_axis_is_not_longer_than_itself(text: str) -> None:
    with pytest.raises(SpecError, match="goes past the end"):
        Spec(text)


def test_a_position_in_a_claim_lies_on_its_axis() -> None:
    with pytest.raises(SpecError, match="may lie past the end"):
        read_claim("dK[k,c,d] = sum[n,t](X[n,t+k+1,c]*dZ[n,t,d])", Spec(CONVOLUTION).derivation)


def test_a_witness_reads_no_entry_that_is_not_there() -> None:
    answer = decide(read_claim("sum[k](C[n+k]) = sum[k](C[2*n+k])"))

    assert answer.witness is not None
    sizes = answer.witness.sizes
    assert sizes["s"] == 2 * (sizes["n"] - 1) + sizes["k"]
