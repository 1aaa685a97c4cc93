"""The dense layer: exact cases in integers, contracts of its arrays, bounds for rounding."""

import copy
import itertools
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.impl import (
    ACTIVATIONS,
    LAYOUTS,
    Dense,
    LayerDense,
    dense_backward,
    dense_forward,
)
from backproof.impl.initialisers import constant

DTYPES = (np.float64, np.float32, np.float16)
SIZES = {"n": 4, "i": 3, "o": 2}
every_layout = pytest.mark.parametrize("layout", list(LAYOUTS))
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_activation = pytest.mark.parametrize("activation", list(ACTIVATIONS))


def shapes(layout, sizes=SIZES):
    """Returns the shapes of X, W, b and dA, read from the layout's einsum."""
    operands, output = layout.split("->")
    X_axes, W_axes = sorted(operands.split(","), key=lambda axes: "n" not in axes)
    return [tuple(sizes[axis] for axis in axes) for axes in (X_axes, W_axes, "o", output)]


def integers(layout, dtype, seed=0, sizes=SIZES):
    """Returns X, W, b and dA with entries from -3 to 3: sums are exact even in float16."""
    rng = np.random.default_rng(seed)
    return [rng.integers(-3, 4, shape).astype(dtype) for shape in shapes(layout, sizes)]


def einsum(subscripts, *operands):
    """Sums products of whole numbers in int64."""
    return np.einsum(subscripts, *(np.asarray(operand).astype(np.int64) for operand in operands))


def named_axes(layout):
    operands, output = layout.split("->")
    X_axes, W_axes = sorted(operands.split(","), key=lambda axes: "n" not in axes)
    return X_axes, W_axes, output


def exact_affine(layout, X, W, b):
    X_axes, W_axes, Z_axes = named_axes(layout)
    bias = einsum(f"o,n->{Z_axes}", b, np.ones(X.shape[X_axes.index("n")]))
    return einsum(f"{X_axes},{W_axes}->{Z_axes}", X, W) + bias


# Worked by hand: X has the samples (1, 2) and (3, 4), outputs weigh the inputs by (1, -1) and
# (2, 0), and b = (10, -7). So Z = (1 - 2 + 10, 2 - 7), (3 - 4 + 10, 6 - 7), and relu keeps the
# first output of each sample alone. With dA = (1, 5), (-2, 5) only its first entries pass.
BY_HAND = {
    "X": [[1, 2], [3, 4]],
    "W": [[1, -1], [2, 0]],
    "b": [10, -7],
    "dA": [[1, 5], [-2, 5]],
    "Z": [[9, -5], [9, -1]],
    "A": [[9, 0], [9, 0]],
    "dZ": [[1, 0], [-2, 0]],
    "dW": [[1 * 1 - 2 * 3, 1 * 2 - 2 * 4], [0, 0]],
    "db": [-1, 0],
    "dX": [[1, -1], [-2, 2]],
}


def by_hand(layout, name):
    """Returns an array of the case above, whose axes are ni, oi and no, in a layout's order."""
    X_axes, W_axes, Z_axes = named_axes(layout)
    array = np.array(BY_HAND[name], np.float64)
    flipped = {
        **dict.fromkeys(("X", "dX"), X_axes == "in"),
        **dict.fromkeys(("W", "dW"), W_axes == "io"),
        **dict.fromkeys(("Z", "A", "dA", "dZ"), Z_axes == "on"),
    }
    return array.T if flipped.get(name, False) else array


@every_layout
def test_a_case_worked_by_hand(layout):
    X, W, b, dA = (by_hand(layout, name) for name in ("X", "W", "b", "dA"))
    A, cache = dense_forward(X, W, b, layout=layout, activation="relu")
    gradients = dense_backward(dA, cache)

    assert np.array_equal(cache.Z, by_hand(layout, "Z"))
    assert np.array_equal(A, by_hand(layout, "A"))
    for name in ("dZ", "dW", "db", "dX"):
        assert np.array_equal(getattr(gradients, name), by_hand(layout, name)), name


@every_layout
@every_dtype
@pytest.mark.parametrize("activation", ["linear", "relu", "abs"])
@pytest.mark.parametrize("seed", range(3))
def test_whole_numbers_are_exact(layout, dtype, activation, seed):
    X, W, b, dA = integers(layout, dtype, seed)
    X_axes, W_axes, Z_axes = named_axes(layout)
    A, cache = dense_forward(X, W, b, layout=layout, activation=activation)
    gradients = dense_backward(dA, cache)
    Z = exact_affine(layout, X, W, b)
    slope = {"linear": np.ones_like(Z), "relu": (Z > 0).astype(int), "abs": np.sign(Z)}[activation]
    dZ = dA.astype(int) * slope

    assert np.array_equal(cache.Z, Z)
    assert np.array_equal(A, {"linear": Z, "relu": Z * (Z > 0), "abs": abs(Z)}[activation])
    assert np.array_equal(gradients.dZ, dZ)
    assert np.array_equal(gradients.dW, einsum(f"{Z_axes},{X_axes}->{W_axes}", dZ, X))
    assert np.array_equal(gradients.db, einsum(f"{Z_axes}->o", dZ))
    assert np.array_equal(gradients.dX, einsum(f"{Z_axes},{W_axes}->{X_axes}", dZ, W))


@every_layout
@settings(deadline=None)
@given(seeds=st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=2))
def test_backward_is_the_transpose_of_the_forward_map(layout, seeds):
    """For the linear layer, whole-number directions V give the exact identity <dA, J V> = <g, V>.

    The forward map is affine in each argument, so its own difference is J V without any error.
    """
    X, W, b, dA = integers(layout, np.float64, seeds[0])
    directions = integers(layout, np.float64, seeds[1])[:3]
    base, cache = dense_forward(X, W, b, layout=layout)
    gradients = dense_backward(dA, cache)
    for position, name in enumerate(("dX", "dW", "db")):
        moved = [X, W, b]
        moved[position] = moved[position] + directions[position]
        shift = dense_forward(*moved, layout=layout)[0] - base

        assert (dA * shift).sum() == (getattr(gradients, name) * directions[position]).sum()


@every_layout
def test_softmax_runs_along_the_outputs(layout):
    """Zero logits give halves, and dZ = (dA - mean over the outputs) / 2, exactly."""
    X, W, b, dA = integers(layout, np.float64)
    A, cache = dense_forward(X, 0 * W, 0 * b, layout=layout, activation="softmax")
    axis = named_axes(layout)[2].index("o")

    assert np.array_equal(A, np.full(dA.shape, 0.5))
    expected = (dA - dA.mean(axis=axis, keepdims=True)) / 2
    assert np.array_equal(dense_backward(dA, cache).dZ, expected)


# Contracts of the arrays


@every_layout
@every_dtype
@every_activation
def test_dtypes_shapes_and_no_shared_memory(layout, dtype, activation):
    X, W, b, dA = integers(layout, dtype)
    A, cache = dense_forward(X, W, b, layout=layout, activation=activation)
    gradients = dense_backward(dA, cache)
    arguments = {"X": X, "W": W, "b": b, "dA": dA}
    results = {"A": A, "Z": cache.Z, **gradients._asdict()}

    for name, like in zip(("A", "Z", "dZ", "dX", "dW", "db"), (dA, dA, dA, X, W, b), strict=True):
        assert (results[name].dtype, results[name].shape) == (like.dtype, like.shape), name
    for one, other in itertools.combinations(arguments | results, 2):
        arrays = arguments | results
        assert not np.shares_memory(arrays[one], arrays[other]), (one, other)


@every_layout
@every_dtype
@every_activation
def test_arguments_are_not_changed(layout, dtype, activation):
    arguments = integers(layout, dtype)
    before = [argument.tobytes() for argument in arguments]
    for argument in arguments:
        argument.flags.writeable = False
    _, cache = dense_forward(*arguments[:3], layout=layout, activation=activation)
    dense_backward(arguments[3], cache)

    assert [argument.tobytes() for argument in arguments] == before


@every_layout
@every_activation
def test_results_are_the_callers_to_change(layout, activation):
    X, W, b, dA = integers(layout, np.float64)
    _, untouched = dense_forward(X, W, b, layout=layout, activation=activation)
    expected = [gradient.tobytes() for gradient in dense_backward(dA, untouched)]
    A, cache = dense_forward(X, W, b, layout=layout, activation=activation)
    A[...] = np.nan
    first = dense_backward(dA, cache)
    for gradient in first:
        gradient[...] = np.nan

    assert [gradient.tobytes() for gradient in dense_backward(dA, cache)] == expected


@every_layout
def test_memory_order_makes_no_difference(layout):
    arguments = integers(layout, np.float64)
    twisted = [
        np.asfortranarray(arguments[0]),
        np.repeat(arguments[1], 2, axis=1)[:, ::2],
        np.repeat(arguments[2], 3)[::3],
        np.asfortranarray(arguments[3]),
    ]
    results = []
    for X, W, b, dA in (arguments, twisted):
        A, cache = dense_forward(X, W, b, layout=layout, activation="relu")
        results.append([A, *dense_backward(dA, cache)])

    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)


@every_layout
@every_dtype
@every_activation
@pytest.mark.parametrize("missing", ["n", "i", "o"])
def test_axes_without_entries(layout, dtype, activation, missing):
    sizes = SIZES | {missing: 0}
    X, W, b, dA = integers(layout, dtype, sizes=sizes)
    A, cache = dense_forward(X, W, b, layout=layout, activation=activation)
    gradients = dense_backward(dA, cache)

    assert A.shape == dA.shape
    assert [g.shape for g in gradients] == [X.shape, W.shape, b.shape, dA.shape]
    assert not gradients.dX.any()
    assert not gradients.dW.any()
    if missing == "i":
        assert np.array_equal(cache.Z, exact_affine(layout, X, W, b))
    else:
        assert not gradients.db.any()


@every_layout
def test_nan_stays_with_its_sample_and_its_input(layout):
    X, W, b, dA = integers(layout, np.float64)
    X_axes, W_axes, Z_axes = named_axes(layout)
    at = {"n": 1, "i": 2}
    X[tuple(at[axis] for axis in X_axes)] = np.nan
    with np.errstate(invalid="ignore"):
        _, cache = dense_forward(X, 0 * W, b, layout=layout)
        gradients = dense_backward(dA, cache)

    samples_of_Z = np.moveaxis(np.isnan(cache.Z), Z_axes.index("n"), 0)
    assert samples_of_Z.all(axis=1).tolist() == [False, True, False, False]
    assert samples_of_Z.any(axis=1).tolist() == [False, True, False, False]
    inputs_of_dW = np.moveaxis(np.isnan(gradients.dW), W_axes.index("i"), 0)
    assert inputs_of_dW.all(axis=1).tolist() == [False, False, True]
    assert inputs_of_dW.any(axis=1).tolist() == [False, False, True]


def test_half_precision_sums_do_not_stall():
    """Adding ones row by row in float16 stops at 2048; the exact sum is a float16."""
    X = np.ones((4096, 2), np.float16)
    _, cache = dense_forward(X, np.eye(2, dtype=np.float16), np.zeros(2, np.float16))
    gradients = dense_backward(X, cache)

    assert gradients.db.tolist() == [4096, 4096]
    assert gradients.dW.tolist() == [[4096, 4096], [4096, 4096]]


# Rounding


def exact(array):
    """Returns an array of rational numbers, equal to the given one."""
    fractions = [Fraction(float(entry)) for entry in array.ravel()]
    return np.array(fractions, object).reshape(array.shape)


@every_dtype
@pytest.mark.parametrize("seed", range(4))
def test_products_and_sums_keep_the_bounds_of_any_order_of_summation(dtype, seed):
    """|computed - exact| <= n u sum|terms| + n eta/2 for a sum of n products, eta the least number.

    Source: Jeannerod and Rump, "Improved error bounds for inner products in floating-point
    arithmetic", SIAM Journal on Matrix Analysis and Applications 34 (2013). With the bias it is
    n + 1 roundings; a sum without products has n - 1. Gradients are judged from the layer's own dZ.
    """
    u = Fraction(1, 2 ** (np.finfo(dtype).nmant + 1))
    half_eta = Fraction(float(np.finfo(dtype).smallest_subnormal)) / 2
    rng = np.random.default_rng(seed)
    X, W, b, dA = (
        rng.standard_normal(shape).astype(dtype)
        for shape in shapes("ni,io->no", {"n": 5, "i": 7, "o": 4})
    )
    _, cache = dense_forward(X, W, b, activation="sigmoid")
    dX, dW, db, dZ = (exact(gradient) for gradient in dense_backward(dA, cache))
    X, W, b = exact(X), exact(W), exact(b)

    cases = [
        (exact(cache.Z) - (X @ W + b), 8 * u * (abs(X) @ abs(W) + abs(b)) + 8 * half_eta),
        (dX - dZ @ W.T, 4 * u * (abs(dZ) @ abs(W.T)) + 4 * half_eta),
        (dW - X.T @ dZ, 5 * u * (abs(X.T) @ abs(dZ)) + 5 * half_eta),
        (db - dZ.sum(axis=0), 4 * u * abs(dZ).sum(axis=0)),
    ]
    for error, bound in cases:
        assert (abs(error) <= bound).all()


@every_layout
@every_dtype
@every_activation
def test_gradient_for_preactivations_is_the_activations_vjp(layout, dtype, activation):
    rng = np.random.default_rng(2)
    X, W, b, dA = (rng.standard_normal(shape).astype(dtype) for shape in shapes(layout))
    A, cache = dense_forward(X, W, b, layout=layout, activation=activation)
    axis = layout.split("->")[1].index("o")
    entry = ACTIVATIONS[activation]

    assert np.array_equal(A, entry(cache.Z, axis))
    assert np.array_equal(dense_backward(dA, cache).dZ, entry.vjp(dA, cache.Z, axis=axis))


# The classes


@every_layout
@every_dtype
def test_class_keeps_what_the_functions_return(layout, dtype):
    layer = Dense(3, 2, layout=layout, activation="tanh", rng=np.random.default_rng(1), dtype=dtype)
    X, W, b, dA = integers(layout, dtype)
    layer.W, layer.b = W, b
    A = layer.forward(X)
    dX = layer.backward(dA)
    expected_A, cache = dense_forward(X, W, b, layout=layout, activation="tanh")
    expected = dense_backward(dA, cache)

    assert layer.X is X
    assert layer.A is A
    assert layer.dX is dX
    assert np.array_equal(A, expected_A)
    assert np.array_equal(layer.Z, cache.Z)
    for name in ("dX", "dW", "db", "dZ"):
        assert np.array_equal(getattr(layer, name), getattr(expected, name))
    assert layer.parameters()["W"] is layer.W
    assert layer.parameters()["b"] is layer.b
    assert layer.gradients() == {"W": layer.dW, "b": layer.db}


@every_layout
@every_dtype
def test_class_starts_with_drawn_weights_and_zero_biases(layout, dtype):
    layers = [
        Dense(3, 2, layout=layout, rng=np.random.default_rng(7), dtype=dtype) for _ in range(2)
    ]
    shape = shapes(layout)[1]

    assert layers[0].W.shape == shape
    assert layers[0].W.dtype == layers[0].b.dtype == dtype
    assert np.array_equal(layers[0].b, np.zeros(2))
    assert np.array_equal(layers[0].W, layers[1].W)
    assert np.array_equal(
        Dense(3, 2, layout=layout, initialiser=constant(2.5)).W, np.full(shape, 2.5)
    )
    assert np.array_equal(Dense(3, 2, layout=layout, initialiser="zeros").W, np.zeros(shape))


def test_layers_without_a_seed_differ():
    assert not np.array_equal(Dense(3, 2).W, Dense(3, 2).W)
    assert not np.array_equal(LayerDense(3, 2).w, LayerDense(3, 2).w)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_layers_and_caches_can_be_sent_to_another_process(duplicate):
    X, W, b, dA = integers("ni,io->no", np.float64)
    layer = Dense(3, 2, activation="softmax")
    layer.forward(X)
    _, cache = dense_forward(X, W, b, activation="gelu")

    assert np.array_equal(duplicate(layer).backward(dA), layer.backward(dA))
    for one, other in zip(
        dense_backward(dA, duplicate(cache)), dense_backward(dA, cache), strict=True
    ):
        assert np.array_equal(one, other)


@every_dtype
def test_layer_of_the_note_in_whole_numbers(dtype):
    a, w, b, dz = integers("ni,io->no", dtype)
    layer = LayerDense(3, 2)
    layer.w, layer.b = w, b[np.newaxis]
    layer.forward(a)
    layer.backward(dz)

    assert np.array_equal(layer.z, exact_affine("ni,io->no", a, w, b))
    assert np.array_equal(layer.dw, einsum("ni,no->io", a, dz))
    assert np.array_equal(layer.db, einsum("no->o", dz)[np.newaxis])
    assert np.array_equal(layer.dz, einsum("no,io->ni", dz, w))
    for name in ("z", "dw", "db", "dz"):
        assert getattr(layer, name).dtype == dtype
    for one, other in itertools.combinations((a, w, dz, layer.z, layer.dw, layer.db, layer.dz), 2):
        assert not np.shares_memory(one, other)


def test_layer_of_the_note_starts_as_the_note_says():
    layer = LayerDense(3, 5, rng=np.random.default_rng(4))

    assert np.array_equal(layer.w, 0.10 * np.random.default_rng(4).standard_normal((3, 5)))
    assert np.array_equal(layer.b, np.zeros((1, 5)))


# What is refused


def test_backward_needs_a_forward_pass():
    with pytest.raises(RuntimeError, match="call forward first"):
        Dense(3, 2).backward(np.zeros((4, 2)))
    with pytest.raises(RuntimeError, match="call forward first"):
        LayerDense(3, 2).backward(np.zeros((4, 2)))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"layout": "in"}, ValueError, "layout: expected one of 'ni,oi->no', "),
        ({"activation": "cubic"}, ValueError, "activation: expected one of 'linear', "),
        ({"X": [[1.0]]}, TypeError, "X: expected an array of float16, float32 or float64, found l"),
        ({"W": np.zeros((3, 2), int)}, TypeError, "W: expected an array of .* found dtype int64"),
        ({"W": np.zeros((3, 2), np.float32)}, TypeError, "W: expected float64, the dtype of X, "),
        ({"b": np.zeros(2, np.float16)}, TypeError, "b: expected float64, the dtype of X, "),
        ({"W": np.zeros(3)}, ValueError, r"W: expected shape \(inputs, outputs\), found shape"),
        ({"X": np.zeros(3)}, ValueError, r"X: expected shape \(samples, 3\), found shape \(3,\)"),
        (
            {"X": np.zeros((3, 4))},
            ValueError,
            r"X: expected shape \(samples, 3\), .* of X are 'ni'",
        ),
        ({"b": np.zeros((1, 2))}, ValueError, r"b: expected shape \(2,\), found shape \(1, 2\)"),
    ],
)
def test_forward_refuses(changes, error, message):
    X, W, b, _ = integers("ni,io->no", np.float64)
    arguments = {"X": X, "W": W, "b": b, "layout": "ni,io->no", "activation": "linear"} | changes

    with pytest.raises(error, match=f"^{message}"):
        dense_forward(**arguments)


def test_backward_refuses():
    X, W, b, dA = integers("ni,io->no", np.float64)
    _, cache = dense_forward(X, W, b)

    with pytest.raises(ValueError, match=r"^dA: expected shape \(4, 2\), found shape \(1, 2\); "):
        dense_backward(dA[:1], cache)
    with pytest.raises(TypeError, match=r"^dA: expected float64, the dtype of A, found float32; "):
        dense_backward(dA.astype(np.float32), cache)


def test_constructors_refuse():
    with pytest.raises(ValueError, match=r"^layout: "):
        Dense(3, 2, layout="io")
    with pytest.raises(ValueError, match=r"^activation: "):
        Dense(3, 2, activation="cubic")
    with pytest.raises(ValueError, match=r"^initialiser: "):
        Dense(3, 2, initialiser="ones")
    with pytest.raises(ValueError, match=r"^n_inputs: "):
        Dense(-3, 2)
    with pytest.raises(ValueError, match=r"^n_outputs: "):
        Dense(3, -2)
    with pytest.raises(ValueError, match=r"^n_neurons: "):
        LayerDense(3, -2)
    with pytest.raises(TypeError, match=r"^dtype: expected float16, float32 or float64, found int"):
        Dense(3, 2, dtype=int)


def test_layer_of_the_note_refuses():
    layer = LayerDense(3, 2)
    layer.forward(np.zeros((4, 3)))

    with pytest.raises(
        ValueError, match=r"^a: expected shape \(samples, 3\), found shape \(3, 4\)"
    ):
        layer.forward(np.zeros((3, 4)))
    with pytest.raises(TypeError, match=r"^a: expected float64, the dtype of w, found float32; "):
        layer.forward(np.zeros((4, 3), np.float32))
    with pytest.raises(ValueError, match=r"^dz: expected shape \(4, 2\), found shape \(2, 4\); "):
        layer.backward(np.zeros((2, 4)))
