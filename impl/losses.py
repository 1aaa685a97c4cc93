"""Losses: each returns its value and its gradient for the first argument.

Values are scalars, and gradients arrays, of the arguments' dtype: float16, float32 or float64;
float16 is computed in float32. The loss of an empty batch is 0.
"""

from typing import Any, NamedTuple

import numpy as np

from backproof.impl._arguments import FloatArray, complaint, float_array, same_dtype, shaped
from backproof.impl._evaluation import narrowed, widened
from backproof.impl.activations import log_softmax


class LossAndGradient(NamedTuple):
    """What a loss returns.

    Attributes:
        loss: a scalar.
        gradient: the gradient for the loss's first argument, in its shape.
    """

    loss: np.floating[Any]
    gradient: FloatArray


def _operands(name: str, values: FloatArray, Y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Checks the arguments of a loss, and returns them in the precision to compute in."""
    values, Y = float_array(name, values), float_array("Y", Y)
    same_dtype("Y", Y, name, values)
    shaped("Y", Y, values.shape, f"pass one target for each entry of {name}")
    return widened(values), widened(Y)


def _result(loss: np.floating[Any], gradient: FloatArray, like: FloatArray) -> LossAndGradient:
    return LossAndGradient(like.dtype.type(loss), narrowed(gradient, like.dtype))


def _times(coefficients: FloatArray, values: FloatArray) -> FloatArray:
    """Multiplies; a coefficient of 0 gives 0 even where the value is infinite."""
    return np.multiply(coefficients, values, where=coefficients != 0, out=np.zeros_like(values))


def mean_squared_error(A: FloatArray, Y: FloatArray) -> LossAndGradient:
    """Computes the mean of (A - Y)^2 over all entries, and its gradient 2 (A - Y) / size.

    Args:
        A: predictions, any shape.
        Y: targets, shape and dtype of A.

    Returns:
        The loss and its gradient for A, shape of A.

    Raises:
        TypeError: if an argument isn't an array of float16, float32 or float64, or dtypes differ.
        ValueError: if shapes differ.
    """
    predictions, targets = _operands("A", A, Y)
    count = max(predictions.size, 1)
    gradient = predictions - targets
    loss = np.vdot(gradient, gradient) / count
    # Dividing by half the count rounds once; doubling the quotient could overflow.
    gradient /= count / 2
    return _result(loss, gradient, A)


def binary_cross_entropy(A: FloatArray, Y: FloatArray) -> LossAndGradient:
    """Computes the mean of -Y log(A) - (1 - Y) log(1 - A) over all entries, and its gradient.

    The gradient is (A - Y) / (A (1 - A)) / size. Where A is 0 or 1 and Y the same, the loss's term
    is 0 and its derivative the one-sided one, 1 or -1; where Y is anything else, both are infinite.

    Args:
        A: probabilities in [0, 1], any shape.
        Y: targets in [0, 1], shape and dtype of A.

    Returns:
        The loss and its gradient for A, shape of A.

    Raises:
        TypeError: if an argument isn't an array of float16, float32 or float64, or dtypes differ.
        ValueError: if shapes differ.
    """
    probabilities, targets = _operands("A", A, Y)
    count = max(probabilities.size, 1)
    complements, missing = 1 - probabilities, 1 - targets
    with np.errstate(divide="ignore"):
        terms = _times(targets, np.log(probabilities))
        terms += _times(missing, np.log1p(-probabilities))
        loss = -terms.sum() / count
        # For a target of 0 or 1, A - Y cancels a factor of A (1 - A); left in, it would make 0/0.
        gradient = probabilities - targets
        gradient[targets == 0] = 1
        gradient[missing == 0] = -1
        np.divide(gradient, probabilities, where=targets != 0, out=gradient)
        np.divide(gradient, complements, where=missing != 0, out=gradient)
    gradient /= count
    return _result(loss, gradient, A)


def softmax_cross_entropy(Z: FloatArray, Y: FloatArray, axis: int = -1) -> LossAndGradient:
    """Computes the mean over the samples of -sum(Y log(softmax(Z))), and its gradient for Z.

    The gradient is (softmax(Z) sum(Y) - Y) / samples, whatever Y sums to; with distributions as
    targets the usual softmax(Z) - Y.

    Args:
        Z: logits; not probabilities. Any shape with at least one axis.
        Y: targets, at least 0; shape and dtype of Z.
        axis: the axis of the classes; each index of the others is a sample.

    Returns:
        The loss and its gradient for Z, shape of Z.

    Raises:
        TypeError: if an argument isn't an array of float16, float32 or float64, or dtypes differ.
        ValueError: if shapes differ, or Z has no such axis.
    """
    logits, targets = _operands("Z", Z, Y)
    if not -logits.ndim <= axis < logits.ndim:
        expected = f"an axis of Z, whose shape is {logits.shape}"
        raise ValueError(complaint("axis", expected, axis, "pass the axis of the classes"))
    samples = max(logits.size // max(logits.shape[axis], 1), 1)
    logarithms = log_softmax(logits, axis)
    loss = -_times(targets, logarithms).sum() / samples
    gradient = np.exp(logarithms, out=logarithms)
    gradient *= targets.sum(axis=axis, keepdims=True)
    gradient -= targets
    gradient /= samples
    return _result(loss, gradient, Z)
