"""Where the wall time of ``verify`` goes, by phase, as shares of one run.

The phases are the functions of the harness that do them; what they call in each other is counted
in the outermost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from backproof import checking, judging, verifying
from backproof.adapters.bundled import bundled_subjects
from backproof.gate import judge_all
from backproof.preparing import Prepared
from backproof.verifying import Settings

# Phase, the object that holds the function, its name.
PHASES: tuple[tuple[str, Any, str], ...] = (
    ("drawing cases", verifying, "generated"),
    ("running the layer", checking.Checker, "run"),
    ("reference and bounds", checking.Checker, "reference"),
    ("decisions", checking.Checker, "judge"),
    ("planted mistakes", verifying.Controls, "see"),
    ("equivalent mistakes", verifying.Controls, "result"),
    ("oracles against each other", judging, "crosscheck"),
    ("diagnosis", judging, "diagnose"),
    ("smallest cases", judging, "_smallest"),
    ("wording", judging.Wording, "findings"),
)


class Clock:
    """Wraps functions so that the time in each is summed, nested ones left out."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.inside = False

    def wrap(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            if self.inside:
                return function(*arguments, **options)
            self.inside = True
            started = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.inside = False
                spent = time.perf_counter() - started
                self.spent[phase] = self.spent.get(phase, 0.0) + spent

        return timed


def rows(examples: int = 36) -> list[dict[str, Any]]:
    """A row a phase for the bundled layers, then one for all the rest."""
    clock = Clock()
    kept = [(holder, name, getattr(holder, name)) for _, holder, name in PHASES]
    layers = [Prepared(s.label, s) for s in bundled_subjects()]
    for phase, holder, name in PHASES:
        setattr(holder, name, clock.wrap(phase, getattr(holder, name)))
    try:
        started = time.perf_counter()
        judge_all(layers, Settings(examples=examples, infer=False), None, None)
        whole = time.perf_counter() - started
    finally:
        for holder, name, function in kept:
            setattr(holder, name, function)
    found = [{"phase": phase, "seconds": clock.spent.get(phase, 0.0)} for phase, _, _ in PHASES]
    found.append({"phase": "all the rest", "seconds": whole - sum(r["seconds"] for r in found)})
    for row in found:
        row["share"] = row["seconds"] / whole
        row["per layer"] = row["seconds"] / len(layers)
    return found


def main() -> None:
    """Print the table."""
    print("verify, bundled layers, by phase")
    for row in rows():
        print(
            f"  {row['phase']:28}{row['seconds']:8.2f} s{100 * row['share']:7.1f} %"
            f"{1000 * row['per layer']:9.1f} ms a layer"
        )


if __name__ == "__main__":
    main()
