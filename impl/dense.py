"""The dense layer, A = g(X W + b), and its backward pass, in three layouts.

Gradients are exact vector-Jacobian products: dW and db are sums over the batch, with no factor 1/m,
which belongs to the loss. All arrays of a call have one dtype, float16, float32 or float64, and so
have its results. Adding a layout means adding one entry to `LAYOUTS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from backproof.impl._arguments import FloatArray, float_array, known, same_dtype, shaped, size
from backproof.impl._evaluation import narrowed, widened
from backproof.impl.activations import ACTIVATIONS
from backproof.impl.initialisers import INITIALISERS, Initialiser, scaled_normal

Product = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Layout:
    """Which way round a layer keeps its samples and its weights.

    Attributes:
        einsum: the einsum of the forward product, over the axes n (samples), i (inputs) and
            o (outputs); its key in `LAYOUTS`.
        forward: (X, W) to the product.
        weight_gradient: (dZ, X) to dW.
        input_gradient: (dZ, W) to dX.
    """

    einsum: str
    forward: Product
    weight_gradient: Product
    input_gradient: Product

    @property
    def X_axes(self) -> str:
        """The axes of X, in order."""
        return next(axes for axes in self.einsum.split("->")[0].split(",") if "n" in axes)

    @property
    def W_axes(self) -> str:
        """The axes of W, in order."""
        return next(axes for axes in self.einsum.split("->")[0].split(",") if "n" not in axes)

    @property
    def Z_axes(self) -> str:
        """The axes of Z and A, in order."""
        return self.einsum.split("->")[1]

    def fanned(self, b: FloatArray) -> FloatArray:
        """Returns a view of b, shape (outputs,), that broadcasts against Z."""
        return b if self.Z_axes.endswith("o") else b[:, np.newaxis]


LAYOUTS: dict[str, Layout] = {
    layout.einsum: layout
    for layout in (
        Layout(
            "ni,oi->no",
            forward=lambda X, W: X @ W.T,
            weight_gradient=lambda dZ, X: dZ.T @ X,
            input_gradient=lambda dZ, W: dZ @ W,
        ),
        Layout(
            "ni,io->no",
            forward=lambda X, W: X @ W,
            weight_gradient=lambda dZ, X: X.T @ dZ,
            input_gradient=lambda dZ, W: dZ @ W.T,
        ),
        Layout(
            "oi,in->on",
            forward=lambda X, W: W @ X,
            weight_gradient=lambda dZ, X: dZ @ X.T,
            input_gradient=lambda dZ, W: W.T @ dZ,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class DenseCache:
    """What the forward pass leaves for the backward pass.

    X and W are the caller's own arrays: until the backward pass, leave their values alone. Z
    belongs to the cache. A isn't kept: it is the caller's, who may change it in place, as dropout
    does, or A - Y for a loss.

    Attributes:
        X: the input.
        W: the weights.
        Z: the pre-activations.
        layout: a key of `LAYOUTS`.
        activation: a key of `ACTIVATIONS`.
    """

    X: FloatArray
    W: FloatArray
    Z: FloatArray
    layout: str
    activation: str


class DenseGradients(NamedTuple):
    """The gradients of a dense layer, each in the shape of what it is the gradient for.

    Attributes:
        dX: for the input.
        dW: for the weights, summed over the batch.
        db: for the biases, summed over the batch; shape (outputs,).
        dZ: for the pre-activations.
    """

    dX: FloatArray
    dW: FloatArray
    db: FloatArray
    dZ: FloatArray


def _shape(axes: str, sizes: Mapping[str, int | str]) -> tuple[int | str, ...]:
    return tuple(sizes[axis] for axis in axes)


def dense_forward(
    X: FloatArray,
    W: FloatArray,
    b: FloatArray,
    *,
    layout: str = "ni,io->no",
    activation: str = "linear",
) -> tuple[FloatArray, DenseCache]:
    """Computes Z = X W + b and A = g(Z).

    Args:
        X: the input; its axes are those of the layout, e.g. (samples, inputs) for "ni,io->no". Any
            number of samples will do, also none.
        W: the weights, e.g. (inputs, outputs) for "ni,io->no"; dtype of X.
        b: the biases, shape (outputs,) in every layout; dtype of X.
        layout: a key of `LAYOUTS`, the einsum of the product.
        activation: a key of `ACTIVATIONS`.

    Returns:
        A, e.g. (samples, outputs), dtype of X, and the cache for `dense_backward`. A is the
        caller's: what becomes of it doesn't reach the cache.

    Raises:
        TypeError: if an argument isn't an array of float16, float32 or float64, or dtypes differ.
        ValueError: if shapes don't fit the layout, or a name isn't known.
    """
    known("layout", layout, LAYOUTS)
    known("activation", activation, ACTIVATIONS)
    X, W, b = float_array("X", X), float_array("W", W), float_array("b", b)
    same_dtype("W", W, "X", X)
    same_dtype("b", b, "X", X)
    plan = LAYOUTS[layout]
    words: dict[str, int | str] = {"n": "samples", "i": "inputs", "o": "outputs"}
    remedy = f"in layout {layout!r} the axes of W are {plan.W_axes!r}"
    shaped("W", W, _shape(plan.W_axes, words), remedy)
    sizes = words | dict(zip(plan.W_axes, W.shape, strict=True))
    remedy = f"in layout {layout!r} the axes of X are {plan.X_axes!r}, and W has shape {W.shape}"
    shaped("X", X, _shape(plan.X_axes, sizes), remedy)
    shaped("b", b, _shape("o", sizes), f"pass one bias for each output; W has shape {W.shape}")

    product = plan.forward(widened(X), widened(W))
    product += plan.fanned(b)
    Z = narrowed(product, X.dtype)
    A = ACTIVATIONS[activation](Z, plan.Z_axes.index("o"))
    return A, DenseCache(X, W, Z, layout, activation)


def dense_backward(dA: FloatArray, cache: DenseCache) -> DenseGradients:
    """Computes the vector-Jacobian product of a dense layer.

    With rows as samples and W of shape (outputs, inputs): dZ = dA * g'(Z), dW = dZ^T X,
    db = the sum of dZ over the samples, dX = dZ W.

    Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
    Nature 323 (1986), equations 4 to 7.

    Args:
        dA: the gradient for A; shape and dtype of A.
        cache: what `dense_forward` returned beside A.

    Returns:
        dX, dW, db and dZ: arrays of their own, dtype of X.

    Raises:
        TypeError: if dA isn't an array of that dtype.
        ValueError: if dA hasn't the shape of A.
    """
    plan = LAYOUTS[cache.layout]
    dA = float_array("dA", dA)
    same_dtype("dA", dA, "A", cache.Z)
    shaped("dA", dA, cache.Z.shape, "pass the gradient for the A of the last forward pass")
    dtype = cache.Z.dtype
    outputs_axis = plan.Z_axes.index("o")
    dZ = ACTIVATIONS[cache.activation].vjp(dA, cache.Z, axis=outputs_axis)
    wide = widened(dZ)
    return DenseGradients(
        dX=narrowed(plan.input_gradient(wide, widened(cache.W)), dtype),
        dW=narrowed(plan.weight_gradient(wide, widened(cache.X)), dtype),
        db=narrowed(wide.sum(axis=1 - outputs_axis), dtype),
        dZ=dZ,
    )


class Dense:
    """A dense layer that keeps its parameters, and the results of its last passes.

    Attributes:
        W: the weights; (inputs, outputs), or (outputs, inputs) if the layout says "oi".
        b: the biases, shape (outputs,), zero at first.
        layout: a key of `LAYOUTS`.
        activation: a key of `ACTIVATIONS`.
        X: the input of the last forward pass, the caller's own array.
        Z: its pre-activations.
        A: its activations.
        dZ: the gradient of the last backward pass for Z.
        dW: for W, summed over the batch.
        db: for b, summed over the batch.
        dX: for X.
    """

    X: FloatArray
    Z: FloatArray
    A: FloatArray
    dZ: FloatArray
    dW: FloatArray
    db: FloatArray
    dX: FloatArray

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        *,
        layout: str = "ni,io->no",
        activation: str = "linear",
        rng: np.random.Generator | None = None,
        initialiser: str | Initialiser = "glorot_uniform",
        dtype: DTypeLike = np.float64,
    ) -> None:
        """Draws the weights and sets the biases to zero.

        Args:
            n_inputs: the number of inputs.
            n_outputs: the number of outputs.
            layout: a key of `LAYOUTS`.
            activation: a key of `ACTIVATIONS`.
            rng: where the weights come from; by default, a generator with a seed of its own.
            initialiser: a key of `INITIALISERS`, or an initialiser.
            dtype: float16, float32 or float64.

        Raises:
            TypeError: for any other dtype.
            ValueError: if a name isn't known, or a size is negative.
        """
        known("layout", layout, LAYOUTS)
        known("activation", activation, ACTIVATIONS)
        size("n_inputs", n_inputs)
        size("n_outputs", n_outputs)
        if isinstance(initialiser, str):
            known("initialiser", initialiser, INITIALISERS)
            initialiser = INITIALISERS[initialiser]
        self.layout = layout
        self.activation = activation
        sizes = {"i": n_inputs, "o": n_outputs}
        self.W = initialiser(
            [sizes[axis] for axis in LAYOUTS[layout].W_axes],
            fan_in=n_inputs,
            fan_out=n_outputs,
            rng=np.random.default_rng() if rng is None else rng,
            dtype=dtype,
        )
        self.b: FloatArray = np.zeros(n_outputs, self.W.dtype)
        self._cache: DenseCache | None = None

    def forward(self, X: FloatArray) -> FloatArray:
        """Computes A = g(X W + b); see `dense_forward` for shapes, dtypes and errors."""
        self.A, cache = dense_forward(
            X, self.W, self.b, layout=self.layout, activation=self.activation
        )
        self.X, self.Z, self._cache = X, cache.Z, cache
        return self.A

    def backward(self, dA: FloatArray) -> FloatArray:
        """Computes the gradients for the last forward pass and returns dX.

        Args:
            dA: the gradient for A; shape and dtype of A.

        Returns:
            dX, shape and dtype of X.

        Raises:
            RuntimeError: if there was no forward pass.
            TypeError: if dA isn't an array of the right dtype.
            ValueError: if dA hasn't the shape of A.
        """
        if self._cache is None:
            raise RuntimeError("backward needs the results of a forward pass; call forward first")
        self.dX, self.dW, self.db, self.dZ = dense_backward(dA, self._cache)
        return self.dX

    def parameters(self) -> dict[str, FloatArray]:
        """Returns the parameters themselves, W and b, by name."""
        return {"W": self.W, "b": self.b}

    def gradients(self) -> dict[str, FloatArray]:
        """Returns the last gradients, under the names of their parameters.

        Raises:
            AttributeError: if there was no backward pass.
        """
        return {"W": self.dW, "b": self.db}


class LayerDense:
    """A dense layer without activation, in the conventions of a lecture note's class.

    Samples are rows, w is (inputs, neurons) and b is (1, neurons). What is called dz is the
    upstream gradient as an argument and, as an attribute, the gradient for the layer's own input,
    which is the upstream gradient of the layer before.

    Attributes:
        w: the weights, normal with deviation 0.1 at first.
        b: the biases, zero at first.
        a: the input of the last forward pass, the caller's own array.
        z: its output, a w + b.
        dw: the gradient for w, summed over the batch.
        db: the gradient for b, summed over the batch; shape (1, neurons).
        dz: the gradient for a.
    """

    a: FloatArray
    z: FloatArray
    dw: FloatArray
    db: FloatArray
    dz: FloatArray

    def __init__(
        self, n_inputs: int, n_neurons: int, *, rng: np.random.Generator | None = None
    ) -> None:
        """Draws w and sets b to zero.

        Args:
            n_inputs: the number of inputs.
            n_neurons: the number of neurons, and so of outputs.
            rng: where w comes from; by default, a generator with a seed of its own.

        Raises:
            ValueError: if a number is negative.
        """
        size("n_inputs", n_inputs)
        size("n_neurons", n_neurons)
        rng = np.random.default_rng() if rng is None else rng
        initialise = scaled_normal(0.1)
        self.w = initialise((n_inputs, n_neurons), fan_in=n_inputs, fan_out=n_neurons, rng=rng)
        self.b: FloatArray = np.zeros((1, n_neurons))

    def forward(self, a: FloatArray) -> None:
        """Sets z = a w + b, shape (samples, neurons).

        Args:
            a: the input, shape (samples, inputs), dtype of w and b.

        Raises:
            TypeError: if `a` isn't an array of that dtype.
            ValueError: if `a` hasn't such a shape.
        """
        n_inputs = self.w.shape[0]
        a = float_array("a", a)
        same_dtype("a", a, "w", self.w)
        shaped("a", a, ("samples", n_inputs), "pass one row for each sample")
        z = widened(a) @ widened(self.w)
        z += self.b
        self.a, self.z = a, narrowed(z, a.dtype)

    def backward(self, dz: FloatArray) -> None:
        """Sets dw = a^T dz, db = the sum of dz over the samples, and the attribute dz = dz w^T.

        Args:
            dz: the gradient for z; shape and dtype of z.

        Raises:
            RuntimeError: if there was no forward pass.
            TypeError: if dz isn't an array of the right dtype.
            ValueError: if dz hasn't the shape of z.
        """
        if not hasattr(self, "z"):
            raise RuntimeError("backward needs the results of a forward pass; call forward first")
        dz = float_array("dz", dz)
        same_dtype("dz", dz, "z", self.z)
        shaped("dz", dz, self.z.shape, "pass the gradient for the z of the last forward pass")
        wide = widened(dz)
        self.dw = narrowed(widened(self.a).T @ wide, dz.dtype)
        self.db = narrowed(wide.sum(axis=0, keepdims=True), dz.dtype)
        self.dz = narrowed(wide @ widened(self.w).T, dz.dtype)
