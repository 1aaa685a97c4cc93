"""Printed NumPy and JAX run as printed and give what JAX differentiates.

The forward passes that ``jax.vjp`` differentiates are written here by hand. X, W, b and dA hold
small integers, so that Z is exact in float64, and so are all results of a layer without a
transcendental function: there equality is to the last bit. Elsewhere each side is within the
bound of its own rounding:

- g and g' are chains of at most three elementary functions, each within 4 ulp = 8 u of its
  result, and of at most eight roundings, on values of at most max(1, |z|): 32 u max(1, |z|) for
  each (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1);
- dZ = dA g' adds one rounding;
- a sum of m products of integers with entries off by E is off by E's sum and m u times the sum of
  absolute values (Jeannerod and Rump, Improved error bounds for inner products, 2013).
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest

from backproof.spec.errors import SpecError
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Spec
from backproof.spec.library import dense, dense_l, layouts, losses, named, network
from backproof.spec.printers.code_names import identifier
from backproof.spec.printers.registry import program_form

jax.config.update("jax_enable_x64", True)

Array = npt.NDArray[np.float64]
Forward = Callable[..., Any]
CODES = ("numpy", "jax")
SIZES = {"n": 2, "i": 3, "o": 4, "h1": 5, "h2": 3}
U = 2.0**-53

PRODUCTS: dict[str, Callable[[Any, Any], Any]] = {
    "ni,oi->no": lambda x, w: jnp.einsum("ni,oi->no", x, w),
    "ni,io->no": lambda x, w: jnp.einsum("ni,io->no", x, w),
    "oi,in->on": lambda x, w: jnp.einsum("oi,in->on", w, x),
}
BIAS_AXIS = {"ni,oi->no": 1, "ni,io->no": 1, "oi,in->on": 0}

BY_HAND: dict[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "sigmoid": lambda z: jnp.where(
        z > 0, 1 / (1 + jnp.exp(-jnp.abs(z))), jnp.exp(-jnp.abs(z)) / (1 + jnp.exp(-jnp.abs(z)))
    ),
    "tanh": jnp.tanh,
    "relu": lambda z: jnp.where(z > 0, z, 0),
    "leaky_relu": lambda z: jnp.where(z > 0, z, z / 100),
    "elu": lambda z: jnp.where(z > 0, z, jnp.expm1(jnp.where(z > 0, 0, z))),
    "softplus": lambda z: jnp.maximum(z, 0) + jnp.log1p(jnp.exp(-jnp.abs(z))),
    "silu": lambda z: z / (1 + jnp.exp(-z)),
    "gelu": lambda z: z * jax.scipy.special.ndtr(z),
    "erf": jax.scipy.special.erf,
    "exp": jnp.exp,
    "abs": jnp.abs,
    "g": lambda z: z * z - 3 * z,
}
EXACT = ("linear", "relu", "abs", "g")
POLYNOMIAL = {"g": lambda z: z * z - 3 * z, "dg": lambda z: 2 * z - 3}


def run(spec: Spec, notation: str, inputs: Mapping[str, Any], upstream: Mapping[str, Any]) -> Any:
    """What the two printed functions return, together, as float64 arrays."""
    scope: dict[str, Any] = {}
    exec(program_form(spec, notation), scope)
    every = dict(inputs) | dict(upstream)
    results = {}
    for name, given in (("forward", inputs), ("backward", every)):
        function = scope[name]
        wanted = function.__code__.co_varnames[: function.__code__.co_kwonlyargcount]
        functions = {k: v for k, v in POLYNOMIAL.items() if k in wanted}
        results |= function(**given, **functions)
    return {k: np.asarray(v) for k, v in results.items()}


def integers(name: str, shape: tuple[int, ...], odd: bool = False) -> Array:
    """Integers from -3 to 3 that look random; never 0 where they are to be odd."""
    seed = sum((k + 1) * ord(c) for k, c in enumerate(name))
    values = np.random.default_rng(seed).integers(-3, 4, shape)
    return (2 * values + 1 if odd else values).astype(np.float64)


def layer_data(spec: Spec) -> tuple[dict[str, Array], dict[str, Array]]:
    """Inputs, with Z an odd number over 4 so that no kink is met, and dA."""
    program = spec.program
    inputs = {t: integers(t, program.shape(t, SIZES)) for t in program.inputs}
    inputs["b"] = integers("b", inputs["b"].shape, odd=True) / 4
    return inputs, {"dA": integers("dA", program.shape("A", SIZES))}


def layer_by_hand(layout: str, g: Callable[[Any], Any]) -> Forward:
    def forward(X: Any, W: Any, b: Any) -> tuple[Any, Any]:
        bias = b if BIAS_AXIS[layout] else b[:, None]
        z = PRODUCTS[layout](X, W) + bias
        return g(z), z

    return forward


def vjp(forward: Forward, inputs: Mapping[str, Array], upstream: Any) -> tuple[Any, Any, Any]:
    """The output, what the forward pass returns besides, and the gradients by name."""
    names = list(inputs)

    def positional(*values: Any) -> Any:
        return forward(**dict(zip(names, values, strict=True)))

    output, pull, extra = jax.vjp(
        positional, *(jnp.asarray(inputs[t]) for t in names), has_aux=True
    )
    found = pull(jnp.asarray(upstream))
    gradients = {f"d{t}": np.asarray(x) for t, x in zip(names, found, strict=True)}
    return np.asarray(output), np.asarray(extra), gradients


def assert_within(got: Array, want: Array, bound: Array | float) -> None:
    assert got.shape == want.shape
    assert np.all(np.abs(got - want) <= bound)


@pytest.mark.parametrize("notation", CODES)
@pytest.mark.parametrize("activation", BY_HAND)
@pytest.mark.parametrize("layout", PRODUCTS)
def test_dense_layer(layout: str, activation: str, notation: str) -> None:
    spec = dense(layout=layout, activation=activation)
    inputs, upstream = layer_data(spec)
    got = run(spec, notation, inputs, upstream)
    assert list(got) == [*spec.statements(), *(e.name for e in derived(spec))]
    dA = upstream["dA"]
    g = BY_HAND[activation]
    A, Z, want = vjp(layer_by_hand(layout, g), inputs, dA)
    _, slope = jax.jvp(g, (jnp.asarray(Z),), (jnp.ones_like(Z),))
    dZ = dA * np.asarray(slope)
    assert np.array_equal(got["Z"], Z)
    u = 0.0 if activation in EXACT else U
    # exp alone has values and slopes above max(1, |z|).
    largest = np.maximum(np.maximum(1, np.abs(Z)), np.abs(A) if activation == "exp" else 0)
    assert_within(got["A"], A, 2 * 32 * u * largest)
    E = np.abs(dA) * 32 * u * largest + u * np.abs(dZ)
    assert_within(got["dZ"], dZ, 2 * E)
    assert_products(layout, got, want, inputs, np.abs(dZ) + 2 * E, E, u)


def assert_products(
    layout: str,
    got: Mapping[str, Array],
    want: Mapping[str, Array],
    inputs: Mapping[str, Array],
    P: Array,
    E: Array,
    u: float,
) -> None:
    """dW, dX and db are within twice their bounds, for |dZ| at most P and off by at most E."""
    rows = layout == "oi,in->on"
    n = 1 if rows else 0
    z, x = ("on", "in") if rows else ("no", "ni")
    w = layout.split("->")[0].split(",")[0 if rows else 1]
    for name, other, pattern, terms in (
        ("dW", inputs["X"], f"{z},{x}->{w}", P.shape[n]),
        ("dX", inputs["W"], f"{z},{w}->{x}", P.shape[1 - n]),
        ("db", np.ones(P.shape[n]), f"{z},n->o", P.shape[n]),
    ):
        error, size = (np.einsum(pattern, y, np.abs(other)) for y in (E, P))
        assert_within(got[name], want[name], 2 * (error + terms * u * size))


def derived(spec: Spec) -> list[Any]:
    return [e for e in spec.gradients().values() if not e.is_upstream]


def test_every_activation_and_layout_is_tested() -> None:
    assert {*BY_HAND, "softmax"} == {*ACTIVATIONS, "g"}
    assert set(PRODUCTS) == set(layouts())


@pytest.mark.parametrize("notation", CODES)
@pytest.mark.parametrize("layout", PRODUCTS)
def test_softmax_layer(layout: str, notation: str) -> None:
    """Softmax is within r = u (C + 12 + |s| + sum(p |s|)) of itself, relatively; s = z - max.

    dZ is A dA less A sum(dA A). By either way of computing it, the first holds A once, the second
    twice, and at most C + 8 operations follow: its error is at most 2 r + (C + 8) u times
    A |dA| + A sum(|dA| A).
    """
    spec = dense(layout=layout, activation="softmax")
    inputs, upstream = layer_data(spec)
    got = run(spec, notation, inputs, upstream)
    axis = BIAS_AXIS[layout]
    dA = upstream["dA"]

    def along(reduce: Callable[..., Any], x: Any) -> Any:
        return reduce(x, axis=axis, keepdims=True)

    def softmax(z: Any) -> Any:
        e = jnp.exp(z - along(jnp.max, z))
        return e / along(jnp.sum, e)

    A, Z, want = vjp(layer_by_hand(layout, softmax), inputs, dA)
    dZ = A * (dA - along(np.sum, dA * A))
    assert np.array_equal(got["Z"], Z)
    s = np.abs(Z - along(np.max, Z))
    C = SIZES["o"]
    r = U * (C + 12 + s + along(np.sum, A * s))
    assert_within(got["A"], A, 2 * r * A)
    E = (2 * along(np.max, r) + (C + 8) * U) * A * (np.abs(dA) + along(np.sum, np.abs(dA) * A))
    assert_within(got["dZ"], dZ, 2 * E)
    assert_products(layout, got, want, inputs, np.abs(dZ) + 2 * E, E, U)


@pytest.mark.parametrize("notation", CODES)
@pytest.mark.parametrize("layout", PRODUCTS)
def test_network_of_three_layers(layout: str, notation: str) -> None:
    """Linear, relu and abs, and a mean over a power of two: exact in float64."""
    spec = network(
        3, layout=layout, activation=["relu", "abs", "linear"], loss="mean_squared_error"
    )
    inputs = {t: integers(t, spec.program.shape(t, SIZES)) for t in spec.program.inputs}
    for k in (1, 2, 3):
        inputs[f"b{k}"] = integers(f"b{k}", inputs[f"b{k}"].shape, odd=True) / 4.0**k
    got = run(spec, notation, inputs, {})

    def forward(**given: Any) -> tuple[Any, Any]:
        a = given["X"]
        for k, g in ((1, BY_HAND["relu"]), (2, BY_HAND["abs"]), (3, BY_HAND["linear"])):
            layer = layer_by_hand(layout, g)
            a, _ = layer(a, given[f"W{k}"], given[f"b{k}"])
        return jnp.mean((a - given["Y"]) ** 2), a

    L, A3, want = vjp(forward, inputs, 1.0)
    assert np.array_equal(got["L"], L)
    assert np.array_equal(got["A3"], A3)
    assert np.array_equal(got["dL"], np.ones(()))
    for name, value in want.items():
        assert np.array_equal(got[name], value), name
    assert set(got) == {*spec.statements(), *(e.name for e in derived(spec))}


def probabilities(shape: tuple[int, ...]) -> Array:
    """Multiples of 1/64 strictly between 0 and 1."""
    return np.random.default_rng(7).integers(1, 64, shape) / 64


@pytest.mark.parametrize("notation", CODES)
def test_mean_squared_error(notation: str) -> None:
    spec = named("mean_squared_error")
    inputs = {t: integers(t, (2, 4)) for t in ("A", "Y")}
    got = run(spec, notation, inputs, {})
    L, _, want = vjp(lambda A, Y: (jnp.mean((A - Y) ** 2), 0.0), inputs, 1.0)
    assert np.array_equal(got["L"], L)
    for name, value in want.items():
        assert np.array_equal(got[name], value)


@pytest.mark.parametrize("notation", CODES)
def test_binary_cross_entropy(notation: str) -> None:
    """Each of the two terms goes through at most six roundings, and a log of 8 u, on each side."""
    spec = named("binary_cross_entropy")
    A, Y = probabilities((2, 4)), (integers("Y", (2, 4)) > 0).astype(np.float64)
    got = run(spec, notation, {"A": A, "Y": Y}, {})

    def loss(A: Any, Y: Any) -> tuple[Any, float]:
        return -jnp.mean(Y * jnp.log(A) + (1 - Y) * jnp.log(1 - A)), 0.0

    L, _, want = vjp(loss, {"A": A, "Y": Y}, 1.0)
    logs = np.abs(np.log(A)) + np.abs(np.log(1 - A))
    assert_within(got["L"], L, 2 * (8 + 6 + A.size) * U * np.sum(logs) / A.size)
    assert_within(got["dA"], want["dA"], 2 * 7 * U * (Y / A + (1 - Y) / (1 - A)) / A.size)
    assert_within(got["dY"], want["dY"], 2 * (8 + 7) * U * logs / A.size)


@pytest.mark.parametrize("notation", CODES)
def test_softmax_cross_entropy(notation: str) -> None:
    """Log-softmax is within u (C + 12 + 2|s| + sum(p |s|) + 2|result|), s = z - max."""
    spec = named("softmax_cross_entropy")
    A, Y = integers("A", (2, 4)), np.abs(integers("Y", (2, 4)))
    got = run(spec, notation, {"A": A, "Y": Y}, {})

    def loss(A: Any, Y: Any) -> tuple[Any, float]:
        shifted = A - jnp.max(A, axis=1, keepdims=True)
        logs = shifted - jnp.log(jnp.sum(jnp.exp(shifted), axis=1, keepdims=True))
        return -jnp.sum(Y * logs) / A.shape[0], 0.0

    L, _, want = vjp(loss, {"A": A, "Y": Y}, 1.0)
    s = np.abs(A - A.max(axis=1, keepdims=True))
    p = np.exp(-s) / np.exp(-s).sum(axis=1, keepdims=True)
    mixed = (p * s).sum(axis=1, keepdims=True)
    logs = np.abs(np.log(p))
    # The printed code has logsumexp at its full size, at most |A| + |log p|, with one rounding
    # of its own, and one of the difference.
    E_log = U * (4 + 12 + 2 * s + mixed + 4 * logs + np.abs(A))
    assert_within(got["L"], L, 2 * np.sum(Y * (E_log + (A.size + 3) * U * logs)) / 2)
    assert_within(got["dY"], want["dY"], 2 * (E_log + 2 * U * logs) / 2)
    whole = Y.sum(axis=1, keepdims=True)
    E_p = U * (4 + 12 + s + mixed) * p
    assert_within(got["dA"], want["dA"], 2 * (whole * E_p + 6 * U * (whole * p + Y)) / 2)


# ---------------------------------------------------------------- dtypes and large arguments


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("notation", CODES)
def test_dtype_is_kept(notation: str, dtype: str, activation: str) -> None:
    spec = dense(activation=activation, scale="mean")
    inputs, upstream = layer_data(spec)
    module = np if notation == "numpy" else jnp
    got = run(
        spec,
        notation,
        {k: module.asarray(v, dtype=dtype) for k, v in inputs.items()},
        {k: module.asarray(v, dtype=dtype) for k, v in upstream.items()},
    )
    assert {k: str(v.dtype) for k, v in got.items()} == dict.fromkeys(got, dtype)


@pytest.mark.parametrize("loss", losses())
@pytest.mark.parametrize("notation", CODES)
def test_dtype_of_a_loss_is_kept(notation: str, loss: str) -> None:
    module = np if notation == "numpy" else jnp
    inputs = {t: module.asarray(probabilities((2, 4)), dtype="float32") for t in ("A", "Y")}
    got = run(named(loss), notation, inputs, {})
    assert {k: str(v.dtype) for k, v in got.items()} == dict.fromkeys(got, "float32")
    assert got["L"].shape == got["dL"].shape == ()


LIMITS = {
    # activation: value and slope far to the left, and far to the right, of z
    "linear": (lambda z: z, 1.0, lambda z: z, 1.0),
    "sigmoid": (lambda z: 0 * z, 0.0, lambda z: 0 * z + 1, 0.0),
    "tanh": (lambda z: 0 * z - 1, 0.0, lambda z: 0 * z + 1, 0.0),
    "relu": (lambda z: 0 * z, 0.0, lambda z: z, 1.0),
    "elu": (lambda z: 0 * z - 1, 0.0, lambda z: z, 1.0),
    "softplus": (lambda z: 0 * z, 0.0, lambda z: z, 1.0),
    "silu": (lambda z: 0 * z, 0.0, lambda z: z, 1.0),
    "gelu": (lambda z: 0 * z, 0.0, lambda z: z, 1.0),
    "erf": (lambda z: 0 * z - 1, 0.0, lambda z: 0 * z + 1, 0.0),
    "abs": (lambda z: -z, -1.0, lambda z: z, 1.0),
}


@pytest.mark.parametrize("activation", LIMITS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("notation", CODES)
def test_large_arguments_neither_overflow_nor_warn(
    notation: str, dtype: str, activation: str
) -> None:
    """At the largest numbers of the dtype, where every value is at its limit exactly."""
    spec = dense(activation=activation)
    module = np if notation == "numpy" else jnp
    largest = np.finfo(dtype).max
    left, left_slope, right, right_slope = LIMITS[activation]
    for z, value, slope in (
        (-largest, left, left_slope),
        (largest, right, right_slope),
        (-largest / 2, left, left_slope),
        (largest / 2, right, right_slope),
    ):
        inputs = {"X": [[z]], "W": [[1]], "b": [0]}
        got = run(
            spec,
            notation,
            {k: module.asarray(v, dtype=dtype) for k, v in inputs.items()},
            {"dA": module.ones((1, 1), dtype=dtype)},
        )
        assert got["A"] == value(np.asarray(z, dtype=dtype))
        assert got["dZ"] == slope


@pytest.mark.parametrize("notation", CODES)
def test_softmax_and_logsumexp_of_large_logits(notation: str) -> None:
    A = np.array([[1e300, -1e300, 0.0], [-1e300, -1e300, -1e300]])
    Y = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    got = run(named("softmax_cross_entropy"), notation, {"A": A, "Y": Y}, {})
    third = 1 / 3
    assert np.array_equal(got["dA"][0], [0, 0, 0])
    assert np.array_equal(got["dA"][1], np.array([third, third - 1, third]) / 2)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs", "elu"])
@pytest.mark.parametrize("notation", CODES)
def test_derivative_at_the_kink_is_between_the_one_sided_ones(
    notation: str, activation: str
) -> None:
    inputs = {"X": np.zeros((1, 1)), "W": np.ones((1, 1)), "b": np.zeros(1)}
    got = run(dense(activation=activation), notation, inputs, {"dA": np.ones((1, 1))})
    low = {"relu": 0.0, "leaky_relu": 1 / 100, "abs": -1.0, "elu": 1.0}[activation]
    assert low <= got["dZ"][0, 0] <= 1
    assert got["A"] == 0


@pytest.mark.parametrize("layout", PRODUCTS)
@pytest.mark.parametrize("activation", ["sigmoid", "gelu", "softmax"])
def test_empty_batch(layout: str, activation: str) -> None:
    spec = dense(layout=layout, activation=activation)
    shapes = {t: spec.program.shape(t, SIZES | {"n": 0}) for t in spec.program.tensors}
    inputs = {t: np.zeros(shapes[t]) for t in spec.program.inputs}
    got = run(spec, "numpy", inputs, {"dA": np.zeros(shapes["A"])})
    assert {k: v.shape for k, v in got.items()} == {
        **{t: shapes[t] for t in ("Z", "A")},
        **{f"d{t}": shapes[t] for t in ("Z", "X", "W", "b")},
    }
    assert not any(np.any(got[name]) for name in ("dW", "db"))


# ---------------------------------------------------------------- how it reads


def body(spec: Spec, notation: str, function: str) -> list[str]:
    """The assignments of a printed function, as printed."""
    text = program_form(spec, notation)
    tree = ast.parse(text)
    found = next(d for d in tree.body if isinstance(d, ast.FunctionDef) and d.name == function)
    assigned = (s for s in found.body if isinstance(s, ast.Assign))
    return [str(ast.get_source_segment(text, s)) for s in assigned]


SIGMOID_LAYER = '''\
import numpy as np


def sigmoid(z):
    e = np.exp(-np.abs(z))  # at most 1: nothing overflows
    return np.where(z >= 0, 1, e) / (1 + e)


def forward(*, X, W, b):
    """Shapes: X (n, i), W (o, i), b (o,)."""
    Z = X @ W.T + b
    A = sigmoid(Z)
    return {"Z": Z, "A": A}


def backward(*, X, W, b, dA):
    """Shapes: X (n, i), W (o, i), b (o,), dA (n, o)."""
    A = forward(X=X, W=W, b=b)["A"]
    dZ = dA * A * (1 - A)
    dX = dZ @ W
    dW = dZ.T @ X
    db = dZ.sum(axis=0)
    return {"dZ": dZ, "dX": dX, "dW": dW, "db": db}
'''

COLUMN_LAYER = '''\
import jax.numpy as jnp


def forward(*, W, X, b, g):
    """Shapes: W (o, i), X (i, n), b (o,)."""
    Z = W @ X + b[:, None]
    A = g(Z)
    return {"Z": Z, "A": A}


def backward(*, W, X, b, dA, g, dg):
    """Shapes: W (o, i), X (i, n), b (o,), dA (o, n)."""
    Z = forward(W=W, X=X, b=b, g=g)["Z"]
    dZ = dA * dg(Z)
    dW = dZ @ X.T
    dX = W.T @ dZ
    db = dZ.sum(axis=1)
    return {"dZ": dZ, "dW": dW, "dX": dX, "db": db}
'''


def test_whole_programs() -> None:
    assert program_form(dense(activation="sigmoid"), "numpy") == SIGMOID_LAYER
    assert program_form(dense(layout="oi,in->on"), "jax") == COLUMN_LAYER


@pytest.mark.parametrize(
    ("activation", "line"),
    [
        ("linear", "dZ = dA.copy()"),
        ("tanh", "dZ = dA * (1 - A**2)"),
        ("relu", "dZ = dA * (Z > 0)"),
        ("leaky_relu", "dZ = dA * leaky_relu_derivative(Z)"),
        ("elu", "dZ = dA * np.exp(np.minimum(Z, 0))"),
        ("softplus", "dZ = dA * sigmoid(Z)"),
        ("silu", "dZ = dA * silu_derivative(Z)"),
        ("exp", "dZ = dA * A"),
        ("abs", "dZ = dA * np.sign(Z)"),
        ("softmax", "dZ = A * (dA - (dA * A).sum(axis=1, keepdims=True))"),
    ],
)
def test_slope_of_an_activation(activation: str, line: str) -> None:
    assert line in body(dense(activation=activation), "numpy", "backward")


def test_mean_scale() -> None:
    lines = body(dense(scale="mean"), "numpy", "backward")
    assert "dW = dZ.T @ X / X.shape[0]" in lines
    assert "db = dZ.mean(axis=0)" in lines


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("s = sum[i](x[i]*y[i])", "s = x @ y"),
        ("s = sum[i,j](x[i]*M[i,j]*y[j])", "s = x @ M @ y"),
        ("y[o] = sum[i](W[i,o]*x[i])", "y = W.T @ x"),
        ("M[i,j] = a[i]*b[j]", "M = np.outer(a, b)"),
        ("d[i] = M[i,i]", 'd = np.einsum("ii->i", M).copy()'),
        ("S[i,j] = M[j,i]", "S = M.T.copy()"),
        ("T[k,i,j] = S[i,j,k]", "T = S.transpose(2, 0, 1).copy()"),
        ("m[n] = mean[i](X[n,i])", "m = X.mean(axis=1)"),
        ("m = 2*mean[n,i](X[n,i])", "m = 2 * X.mean()"),
        ("r[n] = sum[i](X[n,i]^2)^(1/2)", "r = np.sqrt((X**2).sum(axis=1))"),
        ("c[n] = X[n]^3 + X[n]^(-2)", "c = X**3 + 1 / X**2"),
        ("c[n] = -(X[n] - 1)/3*pi^(1/2)", "c = -np.pi**0.5 * (X - 1) / 3"),
        ("Z[n,o] = X[n,o]*s*step(X[n,o])", "Z = X * s * (X > 0)"),
        ("Z[n,o] = s*step(X[n,o])", "Z = s * np.heaviside(X, 0)"),
        ("Z[n,o] = X[n,o]*step(Y[o,n])", "Z = X * np.heaviside(Y.T, 0)"),
        ("Z[n] = X[n]*(1/2 - 3*size(n)^2)", "Z = (1 / 2 - 3 * X.shape[0] ** 2) * X"),
        ("Z[n] = 2*X[n]/Y[n]", "Z = 2 * X / Y"),
        ("Z[n] = -2*(X[n] - Y[n])*V[n]", "Z = -2 * (X - Y) * V"),
        ("Z[n] = 5*sum[i](X[n,i]*v[i])", "Z = 5 * (X @ v)"),
        ("Z[n] = -sum[i](X[n,i]*v[i])/5", "Z = -X @ v / 5"),
        ("Z[n] = 3*step(X[n])", "Z = 3 * np.heaviside(X, 0)"),
        ("Z[n] = exp(2)*X[n]", "Z = float(np.exp(2)) * X"),
        ("Z[n] = tanh''(X[n])", "Z = -2 * np.tanh(X) * (1 - np.tanh(X) ** 2)"),
        ("Z[n] = 10000000000*X[n]", "Z = 10000000000.0 * X"),
        ("T[n,o,k] = sum[i](X[n,i,k]*W[o,i])", 'T = np.einsum("nik,oi->nok", X, W)'),
        ("T[n,o,k] = X[n,o,k]*v[o]", "T = X * v[:, None]"),
        ("Z[n,o] = X[n,o] + y[n]", "Z = X + y[:, None]"),
    ],
)
def test_line(text: str, line: str) -> None:
    assert body(Spec(text), "numpy", "forward") == [line]


def test_constant_gradients_take_shape_and_dtype_of_the_input() -> None:
    spec = Spec("axes n: samples, i: inputs\nL = mean[n,i](X[n,i]) + 0*sum[n](y[n])")
    lines = body(spec, "numpy", "backward")
    assert "dX = np.full_like(X, 1 / X.shape[0] / X.shape[1])" in lines
    assert "dL = np.ones((), X.dtype)" in lines


def test_constants() -> None:
    lines = body(
        Spec("c = 2; A[n] = c*X[n]; B[i] = 1 - size(i); D[n] = X[n]*(B[n] - c); axes i, n: x"),
        "numpy",
        "forward",
    )
    assert lines[0] == "c = np.full((), 2, X.dtype)"
    assert "B = np.full((X.shape[0],), 1 - X.shape[0], X.dtype)" in lines
    assert program_form(Spec("L = 3"), "jax").endswith(
        'def forward():\n    L = jnp.full((), 3)\n    return {"L": L}\n\n\n'
        'def backward():\n    dL = jnp.full((), 1)\n    return {"dL": dL}\n'
    )


def test_a_slope_in_the_forward_pass_uses_no_name_that_comes_later() -> None:
    spec = Spec("B[n] = sigmoid'(Z[n])*c; A[n] = sigmoid(Z[n])")
    assert body(spec, "numpy", "forward")[0] == "B = sigmoid_derivative(Z) * c"
    lines = body(spec, "numpy", "backward")
    assert "dc = (dB * A) @ (1 - A)" in lines


def test_filling_an_axis() -> None:
    lines = body(Spec("s[n] = sum[o](X[n,o]*c)"), "numpy", "backward")
    assert "dX = np.broadcast_to((ds * c)[:, None], X.shape).copy()" in lines


def test_a_size_that_no_array_has() -> None:
    spec = Spec("axes n: samples\nZ[n,o] = b[o]")
    with pytest.raises(SpecError) as caught:
        program_form(spec, "numpy")
    assert str(caught.value) == (
        "no array that the code is given has the axis 'n', so its size is unknown\n"
        "help: the equations are right, but they cannot be printed as code"
    )


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("W", "W"),
        ("W{l}", "W_l"),
        ("A{l-1}", "A_lm1"),
        ("W{l+1}", "W_lp1"),
        ("W{12}", "W_12"),
        ("Ŵ", "Ŵ"),
        ("𝐖", "W"),
        ("x²", "x2"),
    ],
)
def test_identifier(name: str, expected: str) -> None:
    assert identifier(name) == expected
    assert expected.isidentifier()


def test_layer_scripts_become_identifiers() -> None:
    spec = dense_l(activation="relu")
    assert body(spec, "numpy", "backward") == [
        'Z_l = forward(A_lm1=A_lm1, W_l=W_l, b_l=b_l)["Z_l"]',
        "dZ_l = dA_l * (Z_l > 0)",
        "dA_lm1 = dZ_l @ W_l",
        "dW_l = dZ_l.T @ A_lm1",
        "db_l = dZ_l.sum(axis=0)",
    ]


def test_names_that_code_needs_for_itself_make_way() -> None:
    spec = Spec("np[n] = lambda[n]*sigmoid(values[n]) + forward[n]")
    assert body(spec, "numpy", "forward") == ["np_ = lambda_ * sigmoid(values_) + forward_"]
    spec = Spec("A[n] = np(Z[n])")
    assert body(spec, "numpy", "forward") == ["A = np_(Z)"]
    spec = Spec("x[n] = x_[n]*x{2}[n]*x_2[n]*class[n]")
    assert body(spec, "numpy", "forward") == ["x = x_ * x_2 * x_2_ * class_"]


def test_arguments_of_abstract_functions() -> None:
    spec = Spec("A[n] = g'(Z[n])*f(Z[n])")
    tree = ast.parse(program_form(spec, "numpy"))
    heads = {d.name: d.args for d in tree.body if isinstance(d, ast.FunctionDef)}
    assert [a.arg for a in heads["forward"].kwonlyargs] == ["Z", "dg", "f"]
    assert {a.arg for a in heads["backward"].kwonlyargs} == {"Z", "dA", "dg", "f", "d2g", "df"}
