"""What a verdict costs: reference, radii and decision, over the layer's own forward and backward.

Each row times one dense layer of `backproof.impl` (three matrix products and an activation) and the
judging of all its results (Z, A, dZ, dW, db, dX), in turns.
"""

import time
from collections.abc import Callable, Mapping

import numpy as np

from backproof.impl import dense_backward, dense_forward
from backproof.oracles.decide import State, decide
from backproof.oracles.reference import reference
from backproof.spec.library import dense

SIZES = ((64, 128, 64), (256, 256, 256), (1024, 1024, 1024))
DTYPES = ("float64", "float32")
ACTIVATIONS = ("sigmoid", "relu", "gelu")
LAYOUT = "ni,io->no"
SECONDS_PER_ROW = 1.0
FEWEST_ROUNDS = 5


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _least_seconds(functions: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The least time of each function, timed in turns so that all meet the same machine."""
    for function in functions.values():
        function()
    least = dict.fromkeys(functions, float("inf"))
    stop = time.perf_counter() + SECONDS_PER_ROW * len(functions)
    rounds = 0
    while rounds < FEWEST_ROUNDS or time.perf_counter() < stop:
        for name, function in functions.items():
            least[name] = min(least[name], _seconds(function))
        rounds += 1
    return least


def rows(
    sizes: tuple[tuple[int, int, int], ...] = SIZES,
    dtypes: tuple[str, ...] = DTYPES,
    activations: tuple[str, ...] = ACTIVATIONS,
) -> list[dict[str, str | int | float]]:
    """Measures verdicts against the layer.

    Args:
        sizes: numbers of samples, inputs and outputs.
        dtypes: names of dtypes.
        activations: names of activations.

    Returns:
        A row for each combination: the sizes, dtype and activation, the milliseconds of the layer
        and of the verdict, their ratio, and how many entries were undecided or wrong.
    """
    measured: list[dict[str, str | int | float]] = []
    rng = np.random.default_rng(0)
    for dtype in dtypes:
        for n, i, o in sizes:
            X = rng.standard_normal((n, i)).astype(dtype)
            W = rng.standard_normal((i, o)).astype(dtype)
            b = rng.standard_normal(o).astype(dtype)
            dA = rng.standard_normal((n, o)).astype(dtype)
            inputs = {
                name: array.astype(np.float64)
                for name, array in {"X": X, "W": W, "b": b, "dA": dA}.items()
            }
            for activation in activations:
                measured.append(
                    _row((X, W, b, dA), inputs, dtype, activation)
                    | {"n": n, "i": i, "o": o, "dtype": dtype, "activation": activation}
                )
    return measured


def _row(
    arrays: tuple[np.ndarray, ...],
    inputs: Mapping[str, np.ndarray],
    dtype: str,
    activation: str,
) -> dict[str, str | int | float]:
    X, W, b, dA = arrays
    derivation = dense(layout=LAYOUT, activation=activation).derivation

    def layer() -> dict[str, np.ndarray]:
        A, cache = dense_forward(X, W, b, layout=LAYOUT, activation=activation)
        gradients = dense_backward(dA, cache)
        return {"A": A} | {name: getattr(gradients, name) for name in ("dX", "dW", "db")}

    results = layer()

    def verdict() -> dict[str, tuple[int, int]]:
        bounded = reference(derivation, inputs, dtype, wanted=results)
        counts = {}
        for name, result in results.items():
            decision = decide(result, bounded[name])
            counts[name] = decision.count(State.WRONG), decision.count(State.UNDECIDED)
        return counts

    counts = verdict()
    least = _least_seconds({"layer": layer, "verdict": verdict})
    return {
        "layer_ms": 1e3 * least["layer"],
        "verdict_ms": 1e3 * least["verdict"],
        "ratio": least["verdict"] / least["layer"],
        "wrong": sum(wrong for wrong, _ in counts.values()),
        "undecided": sum(undecided for _, undecided in counts.values()),
    }


def main() -> None:
    """Prints the rows as a table."""
    print(
        f"{'n, i, o':>16} {'dtype':>8} {'activation':>10} {'layer ms':>9} {'verdict ms':>10} "
        f"{'ratio':>6} {'wrong':>6} {'undecided':>9}"
    )
    for row in rows():
        sizes = f"{row['n']}, {row['i']}, {row['o']}"
        print(
            f"{sizes:>16} {row['dtype']:>8} {row['activation']:>10} {row['layer_ms']:>9.3f} "
            f"{row['verdict_ms']:>10.3f} {row['ratio']:>6.2f} {row['wrong']:>6} "
            f"{row['undecided']:>9}"
        )


if __name__ == "__main__":
    main()
