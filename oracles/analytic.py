"""Complex arrays that notice when a computation stops being analytic.

A complex step is a derivative only where every operation on the way is analytic, at least piece
by piece. ``np.abs`` is not, and takes complex input without a word: the stable
``max(z, 0) + log1p(exp(-abs(z)))`` would lose half of its derivative. These arrays let through
what is known to be analytic, refuse the rest, and mark the result: an unmarked result has passed
through something that they could not watch.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A comparison or a maximum picks a piece; on each piece the function is analytic.
_UFUNCS = _names("""
    add subtract multiply divide true_divide negative positive power float_power square reciprocal
    sqrt exp exp2 expm1 log log1p log2 log10 sin cos tan sinh cosh tanh arcsin arccos arctan
    arcsinh arccosh arctanh matmul maximum minimum fmax fmin clip greater greater_equal less
    less_equal equal not_equal isfinite isnan isinf logical_and logical_or logical_not
""")
_FUNCTIONS = _names("""
    sum mean prod cumsum dot einsum tensordot inner outer matmul kron trace where choose select
    transpose reshape broadcast_to broadcast_arrays concatenate stack vstack hstack column_stack
    swapaxes moveaxis expand_dims squeeze ravel split array_split tile repeat take flip roll copy
    copyto zeros_like ones_like empty_like full_like atleast_1d atleast_2d atleast_3d diag clip max
    amax min amin argmax argmin shape ndim size result_type can_cast may_share_memory
    shares_memory matrix_transpose array_equal isfinite iscomplexobj isrealobj sliding_window_view
""")


class NotAnalyticError(TypeError):
    """An operation that is not known to be analytic met a complex step."""


class AnalyticArray(np.ndarray[Any, Any]):
    """A complex array under watch; what comes of it is watched too."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc.__name__ not in _UFUNCS:
            raise NotAnalyticError(f"{ufunc.__name__} is not analytic")
        plain = [_plain(item) for item in inputs]
        if kwargs.get("out") is not None:
            kwargs["out"] = tuple(_plain(item) for item in kwargs["out"])
        return _watched(getattr(ufunc, method)(*plain, **kwargs))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func.__name__ not in _FUNCTIONS:
            raise NotAnalyticError(f"{func.__name__} is not known to be analytic")
        return _watched(super().__array_function__(func, types, args, kwargs))

    # Read-only here: nobody sets a part of an array that is under watch.
    @property  # type: ignore[misc]
    def real(self) -> Any:
        raise NotAnalyticError("the real part is not analytic")

    @property  # type: ignore[misc]
    def imag(self) -> Any:
        raise NotAnalyticError("the imaginary part is not analytic")

    def conj(self) -> Any:
        """Refused: conjugation is not analytic."""
        raise NotAnalyticError("conjugation is not analytic")

    def conjugate(self) -> Any:
        """Refused: conjugation is not analytic."""
        raise NotAnalyticError("conjugation is not analytic")


def watch(array: np.ndarray[Any, Any]) -> AnalyticArray:
    """A complex copy of an array, under watch."""
    return array.astype(np.complex128).view(AnalyticArray)


def unwatch(result: Any) -> np.ndarray[Any, Any] | None:
    """The plain array of a result that has been watched all the way; else None."""
    return result.view(np.ndarray) if isinstance(result, AnalyticArray) else None


def _plain(item: Any) -> Any:
    return item.view(np.ndarray) if isinstance(item, AnalyticArray) else item


def _watched(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(_watched(item) for item in result)
    if isinstance(result, list):
        return [_watched(item) for item in result]
    if isinstance(result, (np.ndarray, np.generic)) and result.dtype.kind == "c":
        return np.asarray(result).view(AnalyticArray)
    return _plain(result)
