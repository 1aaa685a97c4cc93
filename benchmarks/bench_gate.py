"""The gate beside other gradient checkers, on the same layers in one run.

Peers, each where it is installed, with its own defaults: torch.autograd.gradcheck (slow and fast),
jax.test_util.check_grads, autograd.test_util.check_grads. What is compared:
    the smallest relative error of one entry of dW that is caught in every one of several cases
    right layers that are called wrong: relu at exactly 0, float32
    wrong layers that pass
    wall time of one check, as a multiple of the layer's own forward and backward pass
A peer is left out of sizes at which it would take longer than a minute, by its time before.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

import backproof as bp
from backproof.cases import Case
from backproof.testing import judge_results

SIZES = ((4, 5, 3), (32, 64, 32), (64, 128, 64), (256, 256, 256), (1024, 1024, 1024))
LONGEST = 60.0
SEEDS = range(5)
LINEAR = bp.Spec("axes n: samples, i: inputs, o: outputs\nZ[n,o] = sum[i](X[n,i]*W[i,o]) + b[o]")
RELU = bp.Spec(LINEAR.text + "\nA[n,o] = relu(Z[n,o])")

Arrays = dict[str, Any]


@dataclass(frozen=True)
class Layer:
    """A forward pass and its backward pass, both of (X, W, b); backward of the upstream too."""

    forward: Callable[..., Any]
    backward: Callable[..., tuple[Any, Any, Any]]
    kinked: bool = False


def linear(X: Any, W: Any, b: Any) -> Any:
    """X W + b."""
    return X @ W + b


def linear_backward(X: Any, W: Any, b: Any, dZ: Any) -> tuple[Any, Any, Any]:
    """dX, dW and db."""
    return dZ @ W.T, X.T @ dZ, dZ.sum(axis=0)


def relu(X: Any, W: Any, b: Any) -> Any:
    """The part of X W + b that is above zero."""
    Z = X @ W + b
    return Z * (Z > 0)


def relu_backward(X: Any, W: Any, b: Any, dA: Any) -> tuple[Any, Any, Any]:
    """dX, dW and db."""
    return linear_backward(X, W, b, dA * (X @ W + b > 0))


def off_by(error: float) -> Layer:
    """A linear layer with a relative error in one entry of dW."""

    def backward(X: Any, W: Any, b: Any, dZ: Any) -> tuple[Any, Any, Any]:
        dX, dW, db = linear_backward(X, W, b, dZ)
        dW = np.array(dW, copy=True)
        dW[0, 0] *= 1 + error
        return dX, dW, db

    return Layer(linear, backward)


def wrong(change: Callable[..., tuple[Any, Any, Any]]) -> Layer:
    """A linear layer whose right gradients are changed."""

    def backward(X: Any, W: Any, b: Any, dZ: Any) -> tuple[Any, Any, Any]:
        return change(*linear_backward(X, W, b, dZ), X, W, dZ)

    return Layer(linear, backward)


WRONG: dict[str, Layer] = {
    "db without its sum": wrong(lambda dX, dW, db, X, W, dZ: (dX, dW, dZ)),
    "db of the first sample": wrong(lambda dX, dW, db, X, W, dZ: (dX, dW, dZ[0])),
    "dW 1e-4 too large": wrong(lambda dX, dW, db, X, W, dZ: (dX, dW * (1 + 1e-4), db)),
    "mean for sum": wrong(lambda dX, dW, db, X, W, dZ: (dX, dW / len(X), db / len(X))),
    "dW in float32": wrong(
        lambda dX, dW, db, X, W, dZ: (dX, np.asarray(dW, np.float32).astype(float), db)
    ),
    "all NaN": Layer(
        lambda X, W, b: X @ W * np.nan, lambda X, W, b, dZ: (X * np.nan, W * np.nan, b * np.nan)
    ),
}


def case_of(sizes: tuple[int, int, int], seed: int, dtype: str, *, kinks: bool = False) -> Case:
    """Random numbers, or such that the first sample's pre-activations are 0."""
    rng = np.random.default_rng(seed)
    n, i, o = sizes
    X, W, b = rng.normal(size=(n, i)), rng.normal(size=(i, o)), rng.normal(size=o)
    if kinks:
        X[0] = 0.0
        b[:] = 0.0
    given = {"X": X, "W": W, "b": b, "dZ": rng.normal(size=(n, o))}
    exact = {name: a.astype(dtype).astype(np.float64) for name, a in given.items()}
    return Case({"n": n, "i": i, "o": o}, dtype, exact, "normal")


# ---------------------------------------------------------------- checkers: True if it passes


def with_backproof(layer: Layer, case: Case) -> bool:
    """Judged by the derived bounds."""
    x = case.arrays()
    spec, output = (RELU, "A") if layer.kinked else (LINEAR, "Z")
    dX, dW, db = layer.backward(x["X"], x["W"], x["b"], x["dZ"])
    results = {output: layer.forward(x["X"], x["W"], x["b"]), "dW": dW, "db": db, "dX": dX}
    if layer.kinked:
        inputs = {("dA" if k == "dZ" else k): v for k, v in case.inputs.items()}
        case = Case(case.sizes, case.format, inputs, case.kind)
    return all(j.state.value in ("right", "undecided") for j in judge_results(spec, case, results))


def with_torch(layer: Layer, case: Case, *, fast: bool) -> bool:
    """Torch's finite differences, of every entry or of random projections."""
    import torch
    from torch.autograd.gradcheck import GradcheckError

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, X: Any, W: Any, b: Any) -> Any:
            ctx.save_for_backward(X, W, b)
            return torch.from_numpy(np.asarray(layer.forward(X.numpy(), W.numpy(), b.numpy())))

        @staticmethod
        def backward(ctx: Any, dZ: Any) -> Any:
            arrays = [a.detach().numpy() for a in ctx.saved_tensors]
            return tuple(
                torch.from_numpy(np.asarray(g)) for g in layer.backward(*arrays, dZ.numpy())
            )

    x = case.arrays()
    given = [torch.from_numpy(x[k]).requires_grad_() for k in ("X", "W", "b")]
    try:
        return bool(torch.autograd.gradcheck(Function.apply, given, fast_mode=fast))
    except (GradcheckError, RuntimeError):
        return False


def with_jax(layer: Layer, case: Case) -> bool:
    """JAX's finite differences along random directions."""
    import jax
    from jax.test_util import check_grads

    @jax.custom_vjp
    def f(X: Any, W: Any, b: Any) -> Any:
        return layer.forward(X, W, b)

    def backward(kept: Any, dZ: Any) -> Any:
        shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in kept]

        def host(*arrays: Any) -> Any:
            found = layer.backward(*map(np.asarray, arrays))
            return tuple(np.asarray(g, s.dtype) for g, s in zip(found, shapes, strict=True))

        return jax.pure_callback(host, tuple(shapes), *kept, dZ)

    f.defvjp(lambda X, W, b: (layer.forward(X, W, b), (X, W, b)), backward)
    jax.config.update("jax_enable_x64", True)
    x = case.arrays()
    try:
        check_grads(f, tuple(x[k] for k in ("X", "W", "b")), order=1, modes=["rev"])
    except Exception:
        return False
    return True


def with_autograd(layer: Layer, case: Case) -> bool:
    """HIPS autograd's finite differences along random directions."""
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    f = primitive(layer.forward)
    defvjp(
        f,
        *((lambda _, X, W, b, k=k: lambda dZ: layer.backward(X, W, b, dZ)[k]) for k in range(3)),
    )
    x = case.arrays()
    try:
        check_grads(f, (0, 1, 2), modes=["rev"], order=1)(x["X"], x["W"], x["b"])
    except Exception:
        return False
    return True


Checker = Callable[[Layer, Case], bool]


def checkers() -> dict[str, Checker]:
    """Those that are installed."""
    found: dict[str, Checker] = {"backproof": with_backproof}
    if find_spec("torch"):
        found["torch gradcheck"] = lambda layer, case: with_torch(layer, case, fast=False)
        found["torch gradcheck, fast"] = lambda layer, case: with_torch(layer, case, fast=True)
    found["jax check_grads"] = with_jax
    if find_spec("autograd"):
        found["autograd check_grads"] = with_autograd
    return found


# ---------------------------------------------------------------- questions


def finest(check: Checker) -> str:
    """The smallest power of ten that is caught at every seed."""
    caught = ""
    for digits in range(1, 17):
        cases = [case_of((4, 5, 3), seed, "float64") for seed in SEEDS]
        if any(check(off_by(10.0**-digits), case) for case in cases):
            break
        caught = f"1e-{digits:02d}"
    return caught or "none"


def passing(check: Checker) -> list[str]:
    """The wrong layers that pass."""
    return [n for n, layer in WRONG.items() if check(layer, case_of((4, 5, 3), 0, "float64"))]


def alarms(check: Checker) -> list[str]:
    """The right layers that do not."""
    right = Layer(relu, relu_backward, kinked=True)
    found = []
    if not all(check(right, case_of((4, 5, 3), s, "float64", kinks=True)) for s in SEEDS):
        found.append("relu at 0")
    if not all(
        check(Layer(linear, linear_backward), case_of((4, 5, 3), s, "float32")) for s in SEEDS
    ):
        found.append("float32")
    return found


def seconds(action: Callable[[], Any]) -> float:
    """The wall time of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def times(check: Checker) -> list[str]:
    """One check at each size, over the layer itself, and in seconds."""
    layer, found, last = Layer(linear, linear_backward), [], 0.0
    for k, sizes in enumerate(SIZES):
        work = np.prod(sizes)
        # Small ones cost calls, large ones the layer's work times the number of entries.
        growth = (work / np.prod(SIZES[k - 1])) ** 1.2 if k else 0.0
        if last * growth > LONGEST and check is not with_backproof:
            found.append("-")
            continue
        case = case_of(sizes, 0, "float64")
        x = case.arrays()
        own = min(
            seconds(
                lambda x=x: (
                    linear(x["X"], x["W"], x["b"]),
                    linear_backward(x["X"], x["W"], x["b"], x["dZ"]),
                )
            )
            for _ in range(9)
        )
        check(layer, case)
        last = min(
            seconds(lambda case=case: check(layer, case)) for _ in range(3 if last < 1 else 1)
        )
        found.append(f"{last / own:.3g} ({last:.2g} s)")
    return found


def main() -> None:
    """Print both tables."""
    warnings.simplefilter("ignore")
    with np.errstate(all="ignore"):
        print("smallest error caught always; right layers called wrong; wrong layers that pass")
        for name, check in checkers().items():
            print(f"  {name:22} {finest(check):6} {alarms(check) or '-'} {passing(check) or '-'}")
        print("one check over the layer's own forward and backward pass, at", *SIZES)
        for name, check in checkers().items():
            print(f"  {name:22}", *times(check), sep="  ", flush=True)


if __name__ == "__main__":
    main()
