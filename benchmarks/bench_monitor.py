"""What watching a layer costs, over the layer alone, in one run."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import backproof as bp

SIZES = (256, 1024)
EVERY = 100


class Tanh:
    """A dense layer."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.W = np.random.default_rng(0).normal(size=(inputs, outputs))
        self.b = np.zeros(outputs)

    def forward(self, X: Any) -> Any:
        """tanh(X W + b)."""
        self.X = X
        self.A = np.tanh(X @ self.W + self.b)
        return self.A

    def backward(self, dA: Any) -> Any:
        """dX; dW and db are kept."""
        dZ = dA * (1 - self.A**2)
        self.dW = self.X.T @ dZ
        self.db = dZ.sum(axis=0)
        return dZ @ self.W.T


def step(layer: Tanh, size: int, steps: int) -> float:
    """Seconds for a forward and a backward pass."""
    X = np.random.default_rng(1).normal(size=(size, size))
    dA = np.ones((size, size))
    start = time.perf_counter()
    for _ in range(steps):
        layer.forward(X)
        layer.backward(dA)
    return (time.perf_counter() - start) / steps


def main() -> None:
    """Print the table."""
    print("a step of a watched layer, over one of the layer alone")
    for size in SIZES:
        alone, idle, judged = Tanh(size, size), Tanh(size, size), Tanh(size, size)
        with bp.monitor(idle, every=10**9), bp.monitor(judged, every=1):
            for layer in (alone, idle, judged):
                step(layer, size, 3)
            own = min(step(alone, size, 10) for _ in range(3))
            between = min(step(idle, size, 10) for _ in range(3)) / own
            each = min(step(judged, size, 3) for _ in range(3)) / own
        overall = ((EVERY - 1) * between + each) / EVERY
        print(
            f"  {size:5}: not judged {between:.2f}, judged {each:.2f}, "
            f"every {EVERY}th judged {overall:.3f}"
        )


if __name__ == "__main__":
    main()
