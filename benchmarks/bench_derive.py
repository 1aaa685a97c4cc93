"""Deriving networks of growing depth, and the start of the command line, in one run."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from typing import Any

from backproof.spec.library import network

DEPTHS = (1, 2, 4, 8, 16, 32, 64)


def rows() -> list[dict[str, Any]]:
    """A row a depth: the seconds to state and derive, and the ratio to depth 1."""
    found: list[dict[str, Any]] = []
    network(1).gradients()
    for depth in DEPTHS:
        started = time.perf_counter()
        network(depth, activation="tanh").gradients()
        found.append({"depth": depth, "seconds": time.perf_counter() - started})
    for row in found:
        row["ratio"] = row["seconds"] / found[0]["seconds"]
    return found


def exponent(found: list[dict[str, Any]]) -> float:
    """The slope of log(seconds) over log(depth), by least squares."""
    x = [math.log(r["depth"]) for r in found]
    y = [math.log(r["seconds"]) for r in found]
    mx, my = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return above / sum((a - mx) ** 2 for a in x)


def cold_start(runs: int = 5) -> float:
    """The least wall time of ``backproof derive dense`` as a process of its own, in seconds."""
    command = [sys.executable, "-c", "from backproof.cli.main import main; main()"]
    command += ["derive", "dense", "--steps"]
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Print the table."""
    found = rows()
    print("derive, networks by depth")
    for row in found:
        print(f"  {row['depth']:4d} layers{row['seconds']:9.3f} s{row['ratio']:8.1f} x")
    print(f"  exponent {exponent(found):.2f}")
    print(f"  derive dense --steps from a cold start: {cold_start():.2f} s")


if __name__ == "__main__":
    main()
