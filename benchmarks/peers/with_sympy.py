"""What SymPy's array derivatives answer to the questions of bench_peers; a JSON line each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import sympy as sp


def _questions() -> dict[str, Callable[[], Any]]:
    n, i, o, h = sp.symbols("n i o h", integer=True, positive=True)
    X, W = sp.MatrixSymbol("X", n, i), sp.MatrixSymbol("W", i, o)
    V, M = sp.MatrixSymbol("V", o, h), sp.MatrixSymbol("M", n, n)
    dZ, dB = sp.MatrixSymbol("dZ", n, o), sp.MatrixSymbol("dB", n, h)
    x = sp.Symbol("x")
    sigmoid = sp.Lambda(x, 1 / (1 + sp.exp(-x)))
    A = (X * W).applyfunc(sigmoid)
    return {
        "linear": lambda: sp.Trace(dZ.T * X * W).diff(W),
        "sigmoid": lambda: sp.Trace(dZ.T * A).diff(W),
        "two layers": lambda: sp.Trace(dB.T * (A * V).applyfunc(sigmoid)).diff(W),
        "M = M^T": lambda: M.equals(M.T),
        "tr(M M^T) = tr(M^T M)": lambda: sp.simplify(sp.Trace(M * M.T) - sp.Trace(M.T * M)) == 0,
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
