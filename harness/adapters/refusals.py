"""What is said when a subject cannot be understood."""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path

from backproof.adapters.forwarding import Search, nearest
from backproof.adapters.machine import Halt
from backproof.errors import NotInferredError
from backproof.loading import Loaded

_HOW = (
    "say which: --layout, --activation, --map W=self.weights, "
    "or mark a function of named arrays with @bp.subject"
)
_SHOWN = 8
_SHOWN_RAISED = 3


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


def not_inferred(loaded: Loaded, search: Search) -> NotInferredError:
    """Why a forward pass was not understood: what it is near to, or what it raised."""
    if search.trials:
        candidates: dict[str, float] = {}
        for trial in search.trials:
            gap, activation = nearest(trial, search.wishes)
            if activation and gap < float("inf"):
                said = f"layout {trial.machine.model.spec.layout}, activation {activation}"
                candidates[said] = min(gap, candidates.get(said, gap))
        ranked = [
            f"{said}: differs by {candidates[said]:.1g} of the largest entry"
            for said in sorted(candidates, key=lambda said: candidates[said])
        ]
        return NotInferredError(
            f"{loaded.label}: the forward pass is no dense layer with a known activation",
            tuple(ranked[:_SHOWN]),
            _HOW,
        )
    told = dict.fromkeys(_told(loaded, halt) for _, _, halt in search.halts)
    return NotInferredError(
        f"{loaded.label}: the layer could not be run"
        if told
        else f"{loaded.label}: no weights were found where a layer keeps them",
        tuple(told)[:_SHOWN_RAISED],
        _HOW,
    )


def _told(loaded: Loaded, halt: Halt) -> str:
    file, line, text = innermost(halt.error, loaded.file)
    place = f" at {Path(str(file)).name}:{line}: `{text}`" if line is not None else ""
    return f"{halt.stage}: {type(halt.error).__name__}: {halt.error}{place}"
