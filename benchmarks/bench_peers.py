"""The same questions put to other programs that differentiate arrays, each in its own process.

SymPy is asked in this environment. tensorgrad is asked by the interpreter that the variable
BACKPROOF_TENSORGRAD names, since it brings torch with it; without one its rows say so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backproof.spec.claims.reading import read_claim
from backproof.spec.deciding.equal import decide
from backproof.spec.layer import Spec

PEERS = Path(__file__).parent / "peers"
WIDTH = 60


def _gradient(text: str) -> str:
    return Spec(text).gradients()["W"].expanded().matrix


def _verdict(claim: str) -> str:
    answer = decide(read_claim(claim))
    if answer.witness is None:
        return answer.kind.value
    return f"{answer.kind.value}: {answer.witness.left} and {answer.witness.right}"


LINEAR = "Z[n,o] = sum[i](X[n,i]*W[i,o])"
OURS: dict[str, Callable[[], str]] = {
    "linear": lambda: _gradient(LINEAR),
    "sigmoid": lambda: _gradient(f"{LINEAR}\nA[n,o] = sigmoid(Z[n,o])"),
    "two layers": lambda: _gradient(
        f"{LINEAR}\nA[n,o] = sigmoid(Z[n,o])\nY[n,h] = sum[o](A[n,o]*V[o,h])\n"
        "B[n,h] = sigmoid(Y[n,h])"
    ),
    "softmax": lambda: _gradient(f"{LINEAR}\nA[n,o] = softmax[o](Z[n,o])"),
    "M = M^T": lambda: _verdict("M[i,j] = M[j,i]"),
    "tr(M M^T) = tr(M^T M)": lambda: _verdict("sum[i,j](M[i,j]*M[i,j]) = sum[i,j](M[j,i]*M[j,i])"),
}


def _ours() -> dict[str, dict[str, Any]]:
    found = {}
    for question, answer in OURS.items():
        started = time.perf_counter()
        text = answer()
        seconds = time.perf_counter() - started
        found[question] = {"answer": text, "seconds": seconds}
    return found


def _asked(interpreter: str | None, script: str) -> dict[str, dict[str, Any]] | str:
    """What a peer answers, or why it gives none."""
    if interpreter is None:
        return "not installed: name an interpreter that has it in BACKPROOF_TENSORGRAD"
    done = subprocess.run(
        [interpreter, str(PEERS / script)], capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it failed"])[-1]
    rows = map(json.loads, done.stdout.splitlines())
    return {row["question"]: row for row in rows}


def main() -> None:
    """Print the table."""
    answers = {
        "backproof": _ours(),
        "SymPy": _asked(sys.executable, "with_sympy.py"),
        "tensorgrad": _asked(os.environ.get("BACKPROOF_TENSORGRAD"), "with_tensorgrad.py"),
    }
    print("peers, the same questions")
    for question in OURS:
        print(f"  {question}")
        for peer, found in answers.items():
            if isinstance(found, str):
                print(f"    {peer:11s}{found}")
            elif question not in found:
                print(f"    {peer:11s}not asked: it has no way to say it")
            else:
                row = found[question]
                text = " ".join(row["answer"].split())
                cut = text if len(text) <= WIDTH else f"{text[:WIDTH]}... ({len(text)} characters)"
                print(f"    {peer:11s}{row['seconds']:8.3f} s  {cut}")


if __name__ == "__main__":
    main()
