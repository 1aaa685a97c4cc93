"""Whether the gate tells a layer with a planted mistake from the right one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from backproof.cases import Case, make_case, plan
from backproof.checking import BAD, Checker, State
from backproof.conventions import narrower_format
from backproof.oracles.reference import Bounded
from backproof.running import Run, same_results
from backproof.subjects import Fault, Subject

# Cases in each format; the first meet every family of sizes.
FORMATS = {"float64": 24, "float32": 8, "float16": 6}
# Of the first cases, how many are also run on an instance that has run before.
REPEATED = 4


class Fate(StrEnum):
    """What became of a mutant.

    ``ASSUMED``: the gate says what it takes for granted, with a warning. ``UNJUDGED``: the wrong
    quantity is ``unknown`` to the gate, which fails under ``--strict`` only.
    """

    CAUGHT = "caught"
    ASSUMED = "said as an assumption"
    SURVIVED = "survived"
    UNJUDGED = "not judged"
    NO_EFFECT = "without effect"


@dataclass(frozen=True, slots=True)
class Result:
    """What the gate says of a mutant.

    Attributes:
        fate: whether it is caught.
        by: the quantities that are wrong; else ``crash``, ``timeout``, ``mutation``,
            ``determinism``, ``missing``, ``refused`` (it is not understood, which is no pass) or
            ``error`` (the gate itself fails).
        remark: of one that is not caught: what is different about it, or what it assumes.
    """

    fate: Fate
    by: tuple[str, ...] = ()
    remark: str = ""


class Bench:
    """The cases at which mutants of one layer are tried, with the right layer's results.

    Args:
        subject: the right layer.
        seed: of the cases.
        formats: the number of cases in each format.
    """

    def __init__(self, subject: Subject, seed: int, formats: dict[str, int] | None = None) -> None:
        self._seed = seed
        self._formats = FORMATS if formats is None else formats
        self._own = _Statement(Checker(subject), seed, self._formats)
        self._statements = {_key(subject): self._own}
        self._right: list[Run] = []
        self.subject = subject

    @property
    def first(self) -> Case:
        """A small case."""
        return self._own.cases[0]

    def wrong(self) -> tuple[str, ...]:
        """What the gate would say against the layer itself; nothing for a right one."""
        samples = self._own.checker.inputs.samples
        cases = self._own.cases
        found: dict[str, None] = {}
        for case in tuple(cases):
            done = self._own.checker.run(case)
            if done.error is not None and case.sizes.get(samples or "", 1) == 0:
                # What needs a sample is right for all else.
                cases.remove(case)
                continue
            found |= dict.fromkeys(self._own.by(len(self._right), done))
            self._right.append(done)
            if done.error is not None and done.error.fault is not None:
                break
        return tuple(found)

    def tried(self, mutant: Subject) -> Result:
        """Run a mutant until it is caught, or at all cases.

        Args:
            mutant: the layer with a mistake, as the gate reads it.
        """
        mutant = replace(
            mutant, accumulate=self.subject.accumulate, elementary=self.subject.elementary
        )
        said = [a for a in mutant.assumes if a not in self.subject.assumes]
        narrower = narrower_format(mutant)
        if narrower is not None:
            said.append(narrower.assumption)
            mutant = narrower.subject
        key = _key(mutant)
        if key not in self._statements:
            self._statements[key] = _Statement(Checker(mutant), self._seed, self._formats)
        statement = self._statements[key].with_subject(mutant)
        lost = [(q, why) for q, why in mutant.missing.items() if q in self._own.checker.wanted]
        if any(why.startswith("computed") for _, why in lost):
            return Result(Fate.CAUGHT, ("missing",))
        same = statement.checker.wanted == self._own.checker.wanted and key == _key(self.subject)
        for by, done, number in statement.runs():
            if by:
                return Result(Fate.CAUGHT, by)
            same = same and done is not None and _same(done, self._right[number])
        if same:
            return Result(Fate.NO_EFFECT)
        if lost:
            return Result(Fate.UNJUDGED, (), "; ".join(f"{q}: {why}" for q, why in lost))
        if said:
            return Result(Fate.ASSUMED, (), "; ".join(said))
        return Result(Fate.SURVIVED, (), self._remark(mutant))

    def _remark(self, mutant: Subject) -> str:
        own = self.subject
        if (mutant.spec.text, mutant.spec.functions) != (own.spec.text, own.spec.functions):
            return f"taken for another layer: {mutant.spec.layout} {mutant.spec.activation}".strip()
        if mutant.upstream != own.upstream:
            return f"taken for one that is given d{mutant.upstream}"
        if set(mutant.provides) != set(own.provides):
            return f"shows {', '.join(mutant.provides)} alone"
        return "other numbers, but within the bound of right code at all cases"


def _key(subject: Subject) -> tuple[object, ...]:
    spec = subject.spec
    stated = (spec.text, tuple(spec.functions.items()), spec.scale)
    return (*stated, subject.upstream, subject.provides, subject.accumulate)


def _same(one: Run, other: Run) -> bool:
    """Whether two runs gave the same numbers; zeros of either sign are one number."""
    return one.results.keys() == other.results.keys() and all(
        array.dtype == other.results[name].dtype
        and np.array_equal(array, other.results[name], equal_nan=True)
        for name, array in one.results.items()
    )


class _Statement:
    """What a layer should compute, at cases; shared by all mutants that are read alike."""

    def __init__(self, checker: Checker, seed: int, formats: dict[str, int]) -> None:
        self.checker = checker
        self.cases = [
            case
            for k, (format, count) in enumerate(formats.items())
            for case in plan(checker.inputs, format, count, seed + k)
        ]
        self._known: dict[int, dict[str, Bounded]] = {}

    def with_subject(self, subject: Subject) -> _Statement:
        """The same with another layer to run."""
        other = object.__new__(_Statement)
        other.checker = Checker(subject)
        other.cases, other._known = self.cases, self._known
        return other

    def by(self, number: int, done: Run, *, reused: bool = False) -> tuple[str, ...]:
        """What one run shows against a layer; nothing where all is right."""
        if done.error is not None:
            late = done.error.fault is Fault.TIMEOUT
            return ("timeout" if late else "crash",)
        case = self.cases[number]
        if number not in self._known:
            self._known[number] = self.checker.reference(case)
        judged = self.checker.judge(case, done, self._known[number], reused=reused)
        bad = tuple(j.quantity for j in judged if j.state in BAD)
        if bad:
            return bad
        if any(j.state is State.MISSING for j in judged):
            return ("missing",)
        return ("mutation",) if done.mutated else ()

    def runs(self) -> Iterator[tuple[tuple[str, ...], Run | None, int]]:
        """Each run with what it shows against the layer; the first cases are run again, too."""
        for number, case in enumerate(self.cases):
            done = self.checker.run(case)
            yield self.by(number, done), done, number
            if number >= REPEATED:
                continue
            again = self.checker.run(case)
            yield (("determinism",) if same_results(done, again) else ()), again, number
            used = self.checker.run(case, self._another(case))
            yield self.by(number, used, reused=True), used, number

    def _another(self, case: Case) -> Case:
        """As many samples, other numbers."""
        return make_case(self.checker.inputs, case.sizes, case.format, "normal", 11)
