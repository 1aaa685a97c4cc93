"""What is said when a subject cannot be understood."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Sequence
from pathlib import Path

from backproof.adapters.forwarding import Search, nearest
from backproof.adapters.machine import Halt
from backproof.errors import NotInferredError, UsageError
from backproof.loading import Loaded

_HOW = (
    "say which: --layout, --activation, --map W=self.weights, "
    "or mark a function of named arrays with @bp.subject"
)
_EQUATIONS = (
    "state what it computes in a file for --spec, whose text may end in "
    "A[n,o] = relu(Z[n,o]) - 1/5*relu(-Z[n,o])"
)
_SHOWN = 8
# Of each way to run a layer, so many activations are named.
_NEAREST = 3
# What agrees so well on moderate data was given up for further data alone.
_AGREES = 1e-5


def innermost(error: BaseException, file: str | None) -> tuple[str | None, int | None, str]:
    """The innermost line of a file that an error passed through: file, line, text."""
    found: tuple[str | None, int | None, str] = (file, None, "")
    if file is None:
        return found
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename) == Path(file) and frame.lineno is not None:
            text = linecache.getline(frame.filename, frame.lineno).strip()
            found = (frame.filename, frame.lineno, text)
    return found


def not_understood(label: str, name: str, parameters: Sequence[str]) -> UsageError:
    """That a backward pass asks for something unknown."""
    taken = ", ".join(parameters) or "nothing"
    return UsageError(
        f"{label}: what {name} takes ({taken}) is not understood",
        "map its arguments, such as --map dZ=grad, or mark a function with @bp.subject",
    )


def not_inferred(loaded: Loaded, search: Search) -> NotInferredError:
    """Why a forward pass was not understood: what it is near to, or what it raised."""
    if search.trials:
        candidates: dict[str, float] = {}
        for trial in search.trials:
            for gap, activation in nearest(trial, search.wishes)[:_NEAREST]:
                said = f"layout {trial.machine.model.spec.layout}, activation {activation}"
                candidates[said] = min(gap, candidates.get(said, gap))
        ranked = [
            f"{said}: {_differing(candidates[said])}"
            for said in sorted(candidates, key=lambda said: candidates[said])
            if candidates[said] < float("inf")
        ]
        return NotInferredError(
            f"{loaded.label}: the forward pass is no dense layer with a known activation",
            tuple(ranked[:_SHOWN]),
            f"{_EQUATIONS}; or {_HOW}",
        )
    # A line that raises one kind of error for each shape it is tried with is told once.
    told: dict[tuple[str, type, int | None], str] = {}
    for _, _, halt in search.halts:
        line = innermost(halt.error, loaded.file)[1]
        told.setdefault((halt.stage, type(halt.error), line), _told(loaded, halt))
    return NotInferredError(
        f"{loaded.label}: the layer could not be run"
        if told
        else f"{loaded.label}: no weights were found where a layer keeps them",
        tuple(told.values())[:_SHOWN],
        _HOW,
    )


def _differing(gap: float) -> str:
    if gap <= _AGREES:
        return "agrees on a few moderate values, but not on others or where Z is up to 50"
    return f"differs by {100 * gap:.2g}% of its size"


def _told(loaded: Loaded, halt: Halt) -> str:
    file, line, text = innermost(halt.error, loaded.file)
    place = f" at {Path(str(file)).name}:{line}: `{text}`" if line is not None else ""
    return f"{halt.stage}: {type(halt.error).__name__}: {halt.error}{place}"
