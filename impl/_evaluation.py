"""How functions of arrays are evaluated: in which precision, and how much at a time."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import numpy as np
from numpy.typing import ArrayLike

from backproof.impl._arguments import FLOAT_DTYPES, FloatArray, complaint

Options = ParamSpec("Options")

# So many entries that several float64 temporaries stay in a core's second-level cache, and so
# few calls that their own cost doesn't show.
BLOCK_ENTRIES = 2**15


def widened(array: FloatArray) -> FloatArray:
    """Returns `array` in the precision to compute in: float32 for float16, else itself.

    A chain of float16 operations rounds at every step; this way it rounds once, at the end.
    """
    return array.astype(np.float32) if array.dtype == np.float16 else array


def narrowed(array: FloatArray, dtype: np.dtype[np.floating[Any]]) -> FloatArray:
    """Returns `array` in `dtype`: itself if it has that dtype already."""
    return array.astype(dtype, copy=False)


def real_array(Z: ArrayLike) -> FloatArray:
    """Returns Z as an array of floating-point numbers; integers count as float64.

    Raises:
        TypeError: if Z isn't real, or wider than float64.
    """
    array = np.asarray(Z)
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    if array.dtype not in FLOAT_DTYPES:
        expected = "float16, float32, float64 or integers"
        raise TypeError(complaint("Z", expected, f"dtype {array.dtype}", "pass real numbers"))
    return array


def by_blocks(function: Callable[..., FloatArray], *operands: FloatArray) -> FloatArray:
    """Applies an elementwise function to a block of entries at a time.

    A formula of a dozen array operations otherwise streams a dozen large temporaries through the
    memory, whose allocation alone can cost more than the arithmetic.

    Args:
        function: takes as many float32 or float64 arrays as there are operands, returns one that
            broadcasts to their shape; must not change them.
        operands: arrays of one shape and dtype.

    Returns:
        A new array like the last operand.
    """
    result = np.empty_like(operands[-1])
    rows = np.atleast_1d(result)
    sources = [np.atleast_1d(operand) for operand in operands]
    row_entries = rows[:1].size
    step = max(BLOCK_ENTRIES // max(row_entries, 1), 1)
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        rows[block] = function(*(widened(source[block]) for source in sources))
    return result


def elementwise(function: Callable[[FloatArray], FloatArray]) -> Callable[[ArrayLike], FloatArray]:
    """Makes a function of a float32 or float64 array one of any real numbers, as ufuncs are.

    Args:
        function: takes an array of at least one axis, must not change it.

    Returns:
        The function, evaluated by blocks. It keeps shape and dtype, gives a scalar for a scalar
        and always a new array, and raises TypeError for what isn't real or wider than float64.
    """

    @wraps(function)
    def evaluated(Z: ArrayLike) -> FloatArray:
        # [()] makes an array without axes a scalar and leaves any other alone.
        scalar_or_array: FloatArray = by_blocks(function, real_array(Z))[()]
        return scalar_or_array

    return evaluated


def along_axis(
    function: Callable[Concatenate[FloatArray, Options], FloatArray],
) -> Callable[Concatenate[ArrayLike, Options], FloatArray]:
    """Does what `elementwise` does for a function whose entries depend on each other.

    Args:
        function: takes an array of at least one axis, must not change it.

    Returns:
        The function, evaluated on the whole array.
    """

    @wraps(function)
    def evaluated(Z: ArrayLike, /, *args: Options.args, **kwargs: Options.kwargs) -> FloatArray:
        array = real_array(Z)
        result = function(widened(np.atleast_1d(array)), *args, **kwargs)
        if array.ndim == 0:
            result = result.reshape(())
        scalar_or_array: FloatArray = narrowed(result, array.dtype)[()]
        return scalar_or_array

    return evaluated
