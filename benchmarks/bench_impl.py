"""What a dense layer costs beyond its own matrix products and sums.

Each row compares one forward and backward pass of `backproof.impl` with the bare NumPy calls that
no implementation can do without: X W, dZ^T X, dZ W and the sum of dZ over the batch. What comes on
top is the bias, the activation, its derivative, and two more arrays, since Z and A, and dZ and dA,
must not be one.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backproof.impl import dense_backward, dense_forward

Array: TypeAlias = NDArray[np.floating[Any]]

SIZES = (512, 1024, 2048)
DTYPES = ("float64", "float32")
ACTIVATIONS = ("linear", "relu", "sigmoid")
SECONDS_PER_FUNCTION = 1.5
FEWEST_ROUNDS = 5

# glibc gives freed memory back to the system, to be fetched again page by page, until a process
# has once freed a block of about this size; in a program that runs for long, it has.
LARGE_BLOCK_BYTES = 30 * 2**20


def _bare(X: Array, W: Array, _b: Array, dZ: Array) -> tuple[Array, ...]:
    return X @ W, X.T @ dZ, dZ @ W.T, dZ.sum(axis=0)


def _layer(X: Array, W: Array, b: Array, dA: Array, *, activation: str) -> tuple[Array, ...]:
    A, cache = dense_forward(X, W, b, layout="ni,io->no", activation=activation)
    return (A, *dense_backward(dA, cache))


def _least_seconds(functions: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Times the functions in turns, so that all meet the same state of the machine.

    Args:
        functions: what to time, by name.

    Returns:
        For each function the least of its times: noise only ever adds to a time.
    """
    for function in functions.values():
        function()
    least = dict.fromkeys(functions, float("inf"))
    stop = time.perf_counter() + SECONDS_PER_FUNCTION * len(functions)
    rounds = 0
    while rounds < FEWEST_ROUNDS or time.perf_counter() < stop:
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            least[name] = min(least[name], time.perf_counter() - start)
        rounds += 1
    return least


def rows(
    sizes: tuple[int, ...] = SIZES,
    dtypes: tuple[str, ...] = DTYPES,
    activations: tuple[str, ...] = ACTIVATIONS,
) -> list[dict[str, str | int | float]]:
    """Measures the layer against the bare calls.

    Args:
        sizes: numbers of samples, inputs and outputs, all three the same.
        dtypes: names of dtypes.
        activations: keys of `backproof.impl.ACTIVATIONS`.

    Returns:
        A row for each combination: size, dtype, activation, milliseconds of the bare calls and of
        the layer, and their ratio. Rows of one size and dtype come from one interleaved run.
    """
    np.empty(LARGE_BLOCK_BYTES, np.uint8)
    rng = np.random.default_rng(0)
    measured: list[dict[str, str | int | float]] = []
    for dtype in dtypes:
        for size in sizes:
            shapes = ((size, size), (size, size), (size,), (size, size))
            arguments = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
            functions: dict[str, Callable[[], object]] = {
                name: partial(_layer, *arguments, activation=name) for name in activations
            }
            least = _least_seconds({"bare": partial(_bare, *arguments), **functions})
            measured += [
                {
                    "size": size,
                    "dtype": dtype,
                    "activation": name,
                    "bare_ms": 1e3 * least["bare"],
                    "layer_ms": 1e3 * least[name],
                    "ratio": least[name] / least["bare"],
                }
                for name in activations
            ]
    return measured


def main() -> None:
    """Prints the rows as a table."""
    print("  size    dtype activation   bare ms  layer ms  ratio")
    for row in rows():
        print(
            f"{row['size']:>6} {row['dtype']:>8} {row['activation']:>10} "
            f"{row['bare_ms']:>9.2f} {row['layer_ms']:>9.2f} {row['ratio']:>6.3f}"
        )


if __name__ == "__main__":
    main()
