"""Judging the results of one run, quantity by quantity, against the reference and its bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.cases import Case, Inputs
from backproof.oracles.decide import Decision, decide, worst
from backproof.oracles.decide import State as EntryState
from backproof.oracles.formats import FORMATS, Format
from backproof.oracles.reference import Bounded, reference
from backproof.running import Run, run
from backproof.spec.deriving.derive import Derivation, gradient_name, with_upstream
from backproof.subjects import Subject


class State(StrEnum):
    """What one result of one run is."""

    RIGHT = "right"
    WRONG = "wrong"
    UNDECIDED = "undecided"
    SHAPE = "wrong shape"
    MISSING = "missing"
    NONFINITE = "not finite"


# The states of a result that refute it.
BAD = (State.WRONG, State.SHAPE, State.NONFINITE)


@dataclass(frozen=True)
class Judgement:
    """One result of one run.

    Attributes:
        state: what it is.
        case: where.
        got: the result; None where there is none.
        expected: the reference.
        ratio: the worst entry's error over its bound.
        error: the worst entry's error.
        bound: the bound at that entry.
        position: of that entry.
        note: what a person should know, such as what was returned in place of an array.
        reused: whether the instance had run before.
        unfinished: whether the layer raised after this result.
    """

    quantity: str
    state: State
    case: Case
    got: NDArray[Any] | None
    expected: NDArray[np.float64]
    ratio: float = 0.0
    error: float = 0.0
    bound: float = 0.0
    position: tuple[int, ...] = ()
    note: str = ""
    reused: bool = False
    unfinished: bool = False


def judged_derivation(subject: Subject) -> Derivation:
    """The derivation in which the gradient that the subject is given is given."""
    derivation = subject.spec.derivation
    if subject.upstream in derivation.program.outputs:
        return derivation
    return with_upstream(derivation, subject.upstream)


class Checker:
    """Runs a subject at cases and judges what it returns.

    Args:
        subject: the layer under test.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.derivation = judged_derivation(subject)
        self.given = gradient_name(subject.upstream)
        self.wanted = tuple(
            name for name in subject.provides if self.derivation.definition(name) is not None
        )
        needed = Inputs.of(self.derivation, self._needed())
        self.inputs = replace(needed, rounded_to=subject.accumulate)

    def _needed(self) -> tuple[str, ...]:
        """Everything that the subject computes, and all of its own inputs."""
        program = self.derivation.program
        inputs = list(program.inputs)
        return (*self.wanted, *inputs, self.given)

    def reference(self, case: Case) -> dict[str, Bounded]:
        """The right values at a case, each with the radius of an honest implementation."""
        return reference(self.derivation, case.inputs, self.format(case), wanted=self.wanted)

    def format(self, case: Case) -> Format:
        """The format that the subject works in: the inputs', or the narrower one it declares."""
        declared = self.subject.accumulate
        found = FORMATS[case.format]
        if declared is not None and FORMATS[declared].u >= found.u:
            found = FORMATS[declared]
        return replace(found, elementary=self.subject.elementary)

    def run(self, case: Case, *warm_ups: Case) -> Run:
        """Run a fresh session at a case, after a first run at another case if one is given."""
        session = self.subject.open()
        for warm_up in warm_ups:
            run(session, warm_up, self.wanted)
        return run(session, case, self.wanted)

    def judge(
        self, case: Case, done: Run, right: Mapping[str, Bounded], reused: bool = False
    ) -> list[Judgement]:
        """A judgement of each quantity that the subject provides."""
        found = []
        for name in self.wanted:
            bounded = right[name]
            if name not in done.results:
                found.append(self._absent(name, case, done, bounded, reused))
                continue
            judged = self.judge_one(name, case, done.results[name], bounded, reused)
            if self._unfinished(name, done):
                # A right value was finished before the layer raised; so was one whose statement
                # is known, since a session keeps back what it had not finished. Any other tells
                # nothing.
                told = judged.state is State.RIGHT or name in self.subject.lines
                judged = (
                    replace(judged, unfinished=True)
                    if told
                    else self._absent(name, case, done, bounded, reused)
                )
            found.append(judged)
        return found

    def _unfinished(self, name: str, done: Run) -> bool:
        """Whether a result may be half done, since the pass that computes it raised."""
        if done.error is None:
            return False
        return done.error.stage != "backward" or self.derivation.program.statement(name) is None

    def judge_one(
        self,
        name: str,
        case: Case,
        got: NDArray[Any],
        bounded: Bounded,
        reused: bool = False,
    ) -> Judgement:
        """A judgement of one result."""
        expected = np.asarray(bounded.value)
        if got.shape != expected.shape:
            note = f"shape {got.shape}, expected {expected.shape}"
            return Judgement(
                name, State.SHAPE, case, got, expected, float("inf"), note=note, reused=reused
            )
        decision = decide(got, bounded)
        return _judgement(name, case, got, expected, decision, reused)

    def _absent(
        self, name: str, case: Case, done: Run, bounded: Bounded, reused: bool
    ) -> Judgement:
        expected = np.asarray(bounded.value)
        note = done.unreadable.get(name, "")
        if not note:
            note = "not reached" if done.error is not None else "nothing"
        return Judgement(name, State.MISSING, case, None, expected, note=note, reused=reused)


def _judgement(
    name: str,
    case: Case,
    got: NDArray[Any],
    expected: NDArray[np.float64],
    decision: Decision,
    reused: bool,
) -> Judgement:
    state = _STATES[decision.verdict]
    entry = worst(decision)
    if entry is None:
        return Judgement(name, state, case, got, expected, reused=reused)
    if state is State.WRONG and not np.isfinite(entry.got) and np.isfinite(entry.expected):
        state = State.NONFINITE
    return Judgement(
        name,
        state,
        case,
        got,
        expected,
        entry.ratio,
        abs(entry.got - entry.expected),
        entry.bound,
        entry.index,
        "; ".join(decision.notes),
        reused,
    )


_STATES = {
    EntryState.RIGHT: State.RIGHT,
    EntryState.WRONG: State.WRONG,
    EntryState.UNDECIDED: State.UNDECIDED,
}
