"""No false alarm: dense layers as people write them, over hostile data, in three formats."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from backproof.oracles.decide import State, decide
from backproof.oracles.reference import reference
from backproof.spec.library import dense

Array = np.ndarray
LAYOUT = "ni,io->no"
DTYPES = (np.float64, np.float32, np.float16)
# A sum of products may be accumulated in a wider format; so may a fused multiply-add.
WIDER = {"float16": np.float32, "float32": np.float64, "float64": np.longdouble}
erf_of_float = np.vectorize(math.erf, otypes=[np.float64])


def erf(z: Array) -> Array:
    return erf_of_float(z).astype(z.dtype)


# ---------------------------------------------------------------- data


def data(kind: str, shape: tuple[int, ...], dtype: type, rng: np.random.Generator) -> Array:
    limits = np.finfo(dtype)
    x = rng.standard_normal(shape)
    if kind == "graded":
        reach = 6 if dtype is np.float16 else 20
        x = np.ldexp(x, rng.integers(-reach, reach + 1, shape))
    elif kind == "positive":
        x = np.abs(x)
    elif kind == "sparse":
        x = x * (rng.random(shape) < 0.3)
    elif kind == "integers":
        x = rng.integers(-4, 5, shape).astype(float)
    elif kind == "subnormal":
        x = np.ldexp(x * float(limits.tiny), rng.integers(-6, 3, shape))
    elif kind == "cancelling":
        x = np.round(8 * x) / 8 * (1 + (rng.random(shape) < 0.5) * float(limits.eps))
    elif kind == "large":
        x = 30 * x
    elif kind == "constant":
        x = np.full(shape, 0.1)
    return x.astype(dtype)


KINDS = (
    "normal",
    "graded",
    "positive",
    "sparse",
    "integers",
    "subnormal",
    "cancelling",
    "large",
    "constant",
)


# ---------------------------------------------------------------- sums and products


def in_a_row(products: Array, order, accumulate: type | None = None) -> Array:
    dtype = products.dtype.type
    wide = accumulate or dtype
    total = np.zeros(products.shape[:-1], wide)
    for k in order:
        total = (total + products[..., k].astype(wide)).astype(wide)
    return total.astype(dtype)


def pairwise(products: Array) -> Array:
    while products.shape[-1] > 1:
        half = products.shape[-1] // 2
        paired = products[..., :half] + products[..., half : 2 * half]
        products = np.concatenate((paired, products[..., 2 * half :]), axis=-1)
    return products[..., 0] if products.shape[-1] else np.zeros(products.shape[:-1], products.dtype)


def fused(left: Array, right: Array, start: Array) -> Array:
    wide = WIDER[left.dtype.name]
    total = start
    for k in range(left.shape[-1]):
        exact = left[..., k].astype(wide) * right[..., k].astype(wide)
        total = (exact + total.astype(wide)).astype(left.dtype)
    return total


def spread_out(left: Array, right: Array) -> tuple[Array, Array]:
    """The factors of each product of a matrix product, on a last axis."""
    shape = (left.shape[0], right.shape[1], left.shape[1])
    return np.broadcast_to(left[:, None, :], shape), np.broadcast_to(right.T[None], shape)


Product = Callable[[Array, Array, np.random.Generator], Array]


def by_products(combine: Callable[[Array, np.random.Generator], Array]) -> Product:
    return lambda left, right, rng: combine(np.multiply(*spread_out(left, right)), rng)


PRODUCTS: dict[str, Product] = {
    "matmul": lambda left, right, rng: left @ right,
    "einsum": lambda left, right, rng: np.einsum("ik,kj->ij", left, right),
    "broadcast": by_products(lambda p, rng: p.sum(axis=-1)),
    "loop": by_products(lambda p, rng: in_a_row(p, range(p.shape[-1]))),
    "reversed": by_products(lambda p, rng: in_a_row(p, range(p.shape[-1])[::-1])),
    "shuffled": by_products(lambda p, rng: in_a_row(p, rng.permutation(p.shape[-1]))),
    "pairwise": by_products(lambda p, rng: pairwise(p)),
    "wider": by_products(lambda p, rng: in_a_row(p, range(p.shape[-1]), WIDER[p.dtype.name])),
    "fused": lambda left, right, rng: fused(
        *spread_out(left, right), np.zeros((left.shape[0], right.shape[1]), left.dtype)
    ),
}


def affine(X: Array, W: Array, b: Array, how: str, rng: np.random.Generator) -> Array:
    if how == "fused":
        return fused(*spread_out(X, W), np.broadcast_to(b, (len(X), len(b))))
    if how == "loop":
        total = np.broadcast_to(b, (len(X), len(b)))
        for k in range(len(W)):
            total = total + X[:, k : k + 1] * W[k]
        return total
    return PRODUCTS[how](X, W, rng) + b


SUMS = (
    lambda d: d.sum(axis=0),
    lambda d: in_a_row(d.T, range(len(d))[::-1]),
    lambda d: np.ones(len(d), d.dtype) @ d,
    lambda d: pairwise(d.T),
)


# ---------------------------------------------------------------- activations


def of(z: Array, value: float):
    return z.dtype.type(value)


def logistic(z: Array) -> Array:
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, of(z, 1) / (of(z, 1) + small), small / (of(z, 1) + small))


def half_tanh(z: Array) -> Array:
    return of(z, 0.5) * (of(z, 1) + np.tanh(of(z, 0.5) * z))


def normal_distribution(z: Array) -> Array:
    return of(z, 0.5) * (of(z, 1) + erf(z / of(z, math.sqrt(2))))


def normal_density(z: Array) -> Array:
    return np.exp(-z * z / of(z, 2)) * of(z, 1 / math.sqrt(2 * math.pi))


def tanh_by_exp(z: Array) -> Array:
    small = np.exp(of(z, -2) * np.abs(z))
    return np.sign(z) * (of(z, 1) - small) / (of(z, 1) + small)


def negative(z: Array) -> Array:
    return np.minimum(z, of(z, 0))


def positive(z: Array) -> Array:
    return np.maximum(z, of(z, 0))


FORWARD: dict[str, list[Callable[[Array], Array]]] = {
    "linear": [lambda z: z.copy()],
    "sigmoid": [
        logistic,
        half_tanh,
        lambda z: of(z, 1) / (of(z, 1) + np.exp(-z)),
        lambda z: of(z, 1) - of(z, 1) / (of(z, 1) + np.exp(z)),
    ],
    "tanh": [np.tanh, tanh_by_exp, lambda z: of(z, 2) * logistic(of(z, 2) * z) - of(z, 1)],
    "relu": [
        positive,
        lambda z: z * (z > 0),
        lambda z: np.where(z > 0, z, of(z, 0)),
        lambda z: of(z, 0.5) * (z + np.abs(z)),
    ],
    "abs": [np.abs, lambda z: z * np.sign(z), lambda z: np.maximum(z, -z)],
    "erf": [erf],
    "exp": [np.exp],
    "softplus": [
        lambda z: np.logaddexp(z, of(z, 0)),
        lambda z: positive(z) + np.log1p(np.exp(-np.abs(z))),
        lambda z: positive(z) + np.log(of(z, 1) + np.exp(-np.abs(z))),
    ],
    "silu": [
        lambda z: z * logistic(z),
        lambda z: z * half_tanh(z),
        lambda z: z / (of(z, 1) + np.exp(-z)),
    ],
    "gelu": [
        lambda z: z * normal_distribution(z),
        lambda z: of(z, 0.5) * z * (of(z, 1) + erf(z * of(z, math.sqrt(0.5)))),
    ],
    "elu": [
        lambda z: np.where(z > 0, z, np.expm1(negative(z))),
        lambda z: np.where(z > 0, z, np.exp(negative(z)) - of(z, 1)),
        lambda z: positive(z) + np.exp(z - positive(z)) - of(z, 1),
    ],
    "leaky_relu": [
        lambda z: np.where(z > 0, z, of(z, 0.01) * z),
        lambda z: np.maximum(z, of(z, 0.01) * z),
        lambda z: z / of(z, 100) + of(z, 0.99) * positive(z),
        lambda z: of(z, 0.505) * z + of(z, 0.495) * np.abs(z),
    ],
}

SLOPE: dict[str, list[Callable[[Array, Array], Array]]] = {
    "linear": [lambda z, a: np.ones_like(z)],
    "sigmoid": [
        lambda z, a: a * (of(z, 1) - a),
        lambda z, a: a - a * a,
        lambda z, a: logistic(z) * logistic(-z),
        lambda z, a: np.exp(-np.abs(z)) / (of(z, 1) + np.exp(-np.abs(z))) ** 2,
    ],
    "tanh": [lambda z, a: of(z, 1) - a * a, lambda z, a: (of(z, 1) - a) * (of(z, 1) + a)],
    "relu": [
        lambda z, a: (z > 0).astype(z.dtype),
        lambda z, a: (z >= 0).astype(z.dtype),
        lambda z, a: (a > 0).astype(z.dtype),
        lambda z, a: np.heaviside(z, of(z, 0.5)),
    ],
    "abs": [lambda z, a: np.sign(z), lambda z, a: np.where(z >= 0, of(z, 1), of(z, -1))],
    "erf": [lambda z, a: of(z, 2 / math.sqrt(math.pi)) * np.exp(-z * z)],
    "exp": [lambda z, a: a, lambda z, a: np.exp(z)],
    "softplus": [lambda z, a: logistic(z), lambda z, a: of(z, 1) - np.exp(-a)],
    "silu": [
        lambda z, a: logistic(z) * (of(z, 1) + z * (of(z, 1) - logistic(z))),
        lambda z, a: a + logistic(z) * (of(z, 1) - a),
    ],
    "gelu": [lambda z, a: normal_distribution(z) + z * normal_density(z)],
    "elu": [
        lambda z, a: np.where(z > 0, of(z, 1), np.exp(negative(z))),
        lambda z, a: np.where(z > 0, of(z, 1), a + of(z, 1)),
    ],
    "leaky_relu": [
        lambda z, a: np.where(z > 0, of(z, 1), of(z, 0.01)),
        lambda z, a: np.where(z >= 0, of(z, 1), of(z, 0.01)),
    ],
}


def softmax(z: Array, rng: np.random.Generator) -> Array:
    exponentials = np.exp(z - z.max(axis=1, keepdims=True))
    if rng.random() < 0.5:
        order = range(z.shape[1])[::-1]
        return exponentials / in_a_row(exponentials, order)[:, None]
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def softmax_backward(A: Array, dA: Array, rng: np.random.Generator) -> Array:
    if rng.random() < 0.5:
        return A * (dA - (dA * A).sum(axis=1, keepdims=True))
    identity = np.eye(A.shape[1], dtype=A.dtype)
    jacobian = A[:, :, None] * (identity - A[:, None, :])
    return np.einsum("nok,nk->no", jacobian, dA)


# ---------------------------------------------------------------- layers


def layer(activation: str, inputs: dict[str, Array], mean: bool, rng) -> dict[str, Array]:
    X, W, b, dA = (inputs[name] for name in ("X", "W", "b", "dA"))

    def choose(options):
        return options[int(rng.integers(len(options)))]

    def product(left: Array, right: Array) -> Array:
        return PRODUCTS[choose(list(PRODUCTS))](left, right, rng)

    Z = affine(X, W, b, choose(list(PRODUCTS)), rng)
    if activation == "softmax":
        A = softmax(Z, rng)
        dZ = softmax_backward(A, dA, rng)
    else:
        A = choose(FORWARD[activation])(Z)
        dZ = dA * choose(SLOPE[activation])(Z, A)
    m = of(X, len(X))
    scale = choose([lambda d: d / m, lambda d: d * (of(X, 1) / m)]) if mean else lambda d: d
    if rng.random() < 0.3:
        dW, db = product(X.T, scale(dZ)), choose(SUMS)(scale(dZ))
    else:
        dW, db = scale(product(X.T, dZ)), scale(choose(SUMS)(dZ))
    return {"Z": Z, "A": A, "dZ": dZ, "dW": dW, "db": db, "dX": product(dZ, W.T)}


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: np.dtype(d).name)
@pytest.mark.parametrize("activation", [*FORWARD, "softmax"])
def test_honest_layers_are_never_wrong(activation, dtype):
    rng = np.random.default_rng([len(activation), *activation.encode(), np.dtype(dtype).itemsize])
    derivations = {
        mean: dense(
            layout=LAYOUT, activation=activation, scale="mean" if mean else "sum"
        ).derivation
        for mean in (False, True)
    }
    right = entries = 0
    with np.errstate(all="ignore"):
        for case in range(60):
            n, i, o = (int(s) for s in rng.integers(1, 12, 3))
            same = KINDS[case % len(KINDS)]
            kinds = [same] * 4 if case % 2 else rng.choice(KINDS, 4)
            shapes = {"X": (n, i), "W": (i, o), "b": (o,), "dA": (n, o)}
            inputs = {
                name: data(str(kind), shape, dtype, rng)
                for (name, shape), kind in zip(shapes.items(), kinds, strict=True)
            }
            mean = bool(rng.random() < 0.5)
            bounded = reference(
                derivations[mean],
                {name: array.astype(np.float64) for name, array in inputs.items()},
                np.dtype(dtype).name,
            )
            for name, result in layer(activation, inputs, mean, rng).items():
                assert result.dtype == dtype
                decision = decide(result, bounded[name])
                assert decision.count(State.WRONG) == 0, (name, kinds, inputs)
                right += decision.count(State.RIGHT)
                entries += result.size
    # Subnormal data aside, and exp's overflows, nearly every entry is decided.
    assert right > (0.7 if activation == "exp" else 0.9) * entries


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: np.dtype(d).name)
def test_honest_layers_of_some_size(dtype):
    rng = np.random.default_rng(np.dtype(dtype).itemsize)
    derivation = dense(layout=LAYOUT, activation="sigmoid").derivation
    for kind in ("normal", "positive", "constant", "graded", "sparse"):
        shapes = {"X": (60, 150), "W": (150, 40), "b": (40,), "dA": (60, 40)}
        inputs = {name: data(kind, shape, dtype, rng) for name, shape in shapes.items()}
        exact = {name: array.astype(np.float64) for name, array in inputs.items()}
        bounded = reference(derivation, exact, np.dtype(dtype).name)
        with np.errstate(all="ignore"):
            results = layer("sigmoid", inputs, False, rng)
        for name, result in results.items():
            decision = decide(result, bounded[name])
            assert decision.count(State.WRONG) == 0
            assert decision.count(State.RIGHT) >= 0.95 * result.size
