"""Arrays of numbers: as a layer gives them, and the types that they have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Kept from before any layer ran: one that replaces NumPy's functions does not reach these.
_view, _dtype, _asarray = np.ndarray.view, np.dtype, np.asarray
_NDARRAY = np.ndarray
_KINDS = "fiubc"


def number_type(name: str) -> np.dtype[Any]:
    """The dtype of a name, also of one that NumPy does not have itself: bfloat16.

    Raises:
        TypeError: it is no type of numbers.
    """
    if name == "bfloat16":
        import ml_dtypes

        bfloat16: np.dtype[Any] = _dtype(ml_dtypes.bfloat16)
        return bfloat16
    found: np.dtype[Any] = _dtype(name)
    if not is_number(found):
        raise TypeError(f"{name} is no type of numbers")
    return found


def is_number(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is one of numbers."""
    return dtype.kind in _KINDS or dtype.name == "bfloat16"


def plain(value: Any) -> Any:
    """An array of a subclass as one of NumPy's own class, over the same memory; else the value.

    A subclass may lie about its shape, or multiply otherwise. Masked arrays stay what they are
    where entries are masked: those have no value.
    """
    if type(value) is _NDARRAY or not issubclass(type(value), _NDARRAY):
        return value
    if issubclass(type(value), np.ma.MaskedArray) and np.any(np.ma.getmaskarray(value)):
        return value
    return _view(value, _NDARRAY)


def as_real(value: Any) -> NDArray[Any] | None:
    """A value as an array of real numbers; None when it is not one."""
    if value is None or isinstance(value, (str, bytes, dict, np.ma.MaskedArray)):
        return None
    try:
        array: NDArray[Any] = _asarray(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None
    return array if array.dtype.kind in "fiub" or array.dtype.name == "bfloat16" else None


def described(value: Any) -> str:
    """What a value is that is no array of real numbers."""
    if value is None:
        return "nothing (None)"
    if isinstance(value, np.ma.MaskedArray):
        return "an array with masked entries"
    if isinstance(value, _NDARRAY):
        return f"an array of {value.dtype}"
    return f"a {type(value).__name__}"
