"""One run of a subject at one case: what it returned, and what it did to what it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from backproof.arrays import as_real, described
from backproof.cases import Case
from backproof.guarding import guarded
from backproof.subjects import Arrays, Session, SubjectError


@dataclass(frozen=True)
class Run:
    """What one run gave.

    Attributes:
        results: what the subject shows, by name; arrays where it is numbers at all.
        unreadable: for results that are no arrays of numbers, what they are.
        error: what the subject raised.
        mutated: the inputs that it changed.
        aliased: pairs of a result and an input that share memory.
    """

    results: Mapping[str, NDArray[Any]]
    unreadable: Mapping[str, str] = field(default_factory=dict)
    error: SubjectError | None = None
    mutated: tuple[str, ...] = ()
    aliased: tuple[tuple[str, str], ...] = ()


@runtime_checkable
class Observed(Protocol):
    """A session that looks itself at what its layer does, since that is in another process."""

    def observe(self, inputs: Arrays, wanted: tuple[str, ...]) -> Run:
        """What ``run_on`` gives for it."""


def run(session: Session, case: Case, provides: tuple[str, ...]) -> Run:
    """Run a session at a case, on fresh arrays."""
    if isinstance(session, Observed):
        return session.observe(case.arrays(), provides)
    return run_on(session, case.arrays(), provides)


def run_on(session: Session, given: Arrays, provides: tuple[str, ...]) -> Run:
    """Run a session on arrays; results are copied before anything else runs."""
    before = {name: array.copy() for name, array in given.items()}
    error: SubjectError | None = None
    with guarded():
        try:
            raw: Mapping[str, Any] = session.run(given)
        except SubjectError as raised:
            error = raised
            raw = raised.partial
    results: dict[str, NDArray[Any]] = {}
    unreadable: dict[str, str] = {}
    aliased: list[tuple[str, str]] = []
    for name in provides:
        if name not in raw:
            continue
        value = raw[name]
        array = as_real(value)
        if array is None:
            unreadable[name] = described(value)
            continue
        aliased += [
            (name, other)
            for other, array_in in given.items()
            if isinstance(value, np.ndarray) and array_in.size and np.shares_memory(value, array_in)
        ]
        results[name] = np.array(array, copy=True)
    mutated = tuple(name for name, array in given.items() if not _same_bits(array, before[name]))
    return Run(results, unreadable, error, mutated, tuple(aliased))


def _same_bits(left: NDArray[Any], right: NDArray[Any]) -> bool:
    return left.shape == right.shape and left.tobytes() == right.tobytes()


def same_results(left: Run, right: Run) -> list[str]:
    """The names of results that differ between two runs in any bit."""
    return [
        name
        for name, array in left.results.items()
        if name in right.results and not _same_bits(array, right.results[name])
    ]
