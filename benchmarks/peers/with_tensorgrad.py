"""What tensorgrad answers to the questions of bench_peers; a JSON line each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from tensorgrad import Variable, grad, symbols  # type: ignore[import-not-found]
from tensorgrad import functions as fn  # type: ignore[import-not-found]


def _questions() -> dict[str, Callable[[], Any]]:
    n, i, o, h = symbols("n i o h")
    X, W, V = Variable("X", n, i), Variable("W", i, o), Variable("V", o, h)
    dZ, dB = Variable("dZ", n, o), Variable("dB", n, h)
    M = Variable("M", i=i, j=i)
    A = fn.sigmoid(X @ W)
    return {
        "linear": lambda: grad(fn.sum(X @ W * dZ), W).simplify(),
        "sigmoid": lambda: grad(fn.sum(A * dZ), W).simplify(),
        "two layers": lambda: grad(fn.sum(fn.sigmoid(A @ V) * dB), W).simplify(),
        "softmax": lambda: grad(fn.sum(fn.softmax(X @ W, "o") * dZ), W).simplify(),
        "M = M^T": lambda: M.is_isomorphic(M.rename(i="j", j="i")),
    }


if __name__ == "__main__":
    for name, question in _questions().items():
        started = time.perf_counter()
        try:
            answer = str(question())
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - started
        print(json.dumps({"question": name, "answer": answer, "seconds": seconds}))
