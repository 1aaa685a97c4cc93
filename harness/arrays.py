"""Arrays as a layer gives them, as plain arrays: no subclass has a say in what its numbers are."""

from __future__ import annotations

from typing import Any

import numpy as np

_view = np.ndarray.view
_NDARRAY = np.ndarray


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
