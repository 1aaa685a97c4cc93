"""Checks of arguments, all worded alike: `name: expected ..., found ...; remedy`."""

from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.floating[Any]]

FLOAT_DTYPES = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))


def complaint(name: str, expected: object, found: object, remedy: str) -> str:
    """Words what is wrong with the argument `name`, and what to do about it."""
    return f"{name}: expected {expected}, found {found}; {remedy}"


def float_array(name: str, value: object) -> FloatArray:
    """Returns `value`, which has to be a floating-point array already.

    Nothing is converted: an array of integers that silently became float64 would hide the
    dtype in which the rest of the computation runs.

    Args:
        name: what the caller calls the argument.
        value: the argument.

    Returns:
        The same array; of a subclass of ndarray, its base-class view.

    Raises:
        TypeError: if `value` isn't an array of float16, float32 or float64.
    """
    expected = "an array of float16, float32 or float64"
    if not isinstance(value, np.ndarray):
        remedy = f"pass np.asarray({name}, dtype=np.float64)"
        raise TypeError(complaint(name, expected, type(value).__name__, remedy))
    if value.dtype not in FLOAT_DTYPES:
        remedy = f"pass {name}.astype(np.float64)"
        raise TypeError(complaint(name, expected, f"dtype {value.dtype}", remedy))
    return value.view(np.ndarray)


def same_dtype(name: str, array: FloatArray, other_name: str, other: FloatArray) -> None:
    """Checks that `array` has the dtype of `other`.

    Raises:
        TypeError: if the two dtypes differ.
    """
    if array.dtype != other.dtype:
        expected = f"{other.dtype}, the dtype of {other_name}"
        remedy = f"pass {name}.astype({other_name}.dtype)"
        raise TypeError(complaint(name, expected, array.dtype, remedy))


def shaped(name: str, array: FloatArray, shape: Sequence[int | str], remedy: str) -> None:
    """Checks the shape of `array`.

    Args:
        name: what the caller calls the array.
        array: the array.
        shape: a size for each axis; a word where any size will do.
        remedy: what to do if the shape is another.

    Raises:
        ValueError: if the number of axes differs, or a size that is given.
    """
    fits = array.ndim == len(shape) and all(
        isinstance(expected, str) or expected == found
        for expected, found in zip(shape, array.shape, strict=True)
    )
    if not fits:
        words = ", ".join(str(size) for size in shape)
        expected = f"shape ({words},)" if len(shape) == 1 else f"shape ({words})"
        raise ValueError(complaint(name, expected, f"shape {array.shape}", remedy))


def known(name: str, value: str, names: Collection[str]) -> None:
    """Checks that `value` is one of the registered `names`.

    Raises:
        ValueError: if it isn't.
    """
    if value not in names:
        expected = "one of " + ", ".join(repr(each) for each in names)
        raise ValueError(complaint(name, expected, repr(value), "choose one of these"))


def size(name: str, value: int) -> None:
    """Checks that `value` can be the size of an axis.

    Raises:
        ValueError: if it is negative.
    """
    if value < 0:
        raise ValueError(complaint(name, "a size of at least 0", value, f"pass a larger {name}"))
