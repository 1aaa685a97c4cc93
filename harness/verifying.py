"""One subject from cases to observations: everything a run sees, before any of it is worded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed

from backproof.cases import Case, Inputs, cases, make_case, plan
from backproof.checking import BAD, Checker, Judgement, State
from backproof.controls import Controls
from backproof.running import Run, same_results
from backproof.subjects import Subject, SubjectError

# Of the first cases, how many are run twice and on an instance that has run before.
REPEATED = 4
# How often an instance ran before, at the first of them.
USED = 4


@dataclass(frozen=True)
class Settings:
    """How much is run.

    Attributes:
        examples: cases for each subject, over all formats.
        seed: of all random choices.
        formats: dtypes of the inputs.
        controls: whether mistakes are planted.
        infer: whether what a layer means by its results may be found out from them (a mean over
            the samples for a sum, a narrower format); else it is judged as it was given.
        only: cases to run in place of generated ones.
    """

    examples: int = 100
    seed: int = 0
    formats: tuple[str, ...] = ("float64", "float32", "float16")
    controls: bool = True
    infer: bool = True
    only: tuple[Case, ...] = ()


@dataclass(frozen=True)
class Crash:
    """What a subject raised, and where."""

    error: SubjectError
    case: Case


@dataclass
class Observations:
    """All that the runs of one subject showed."""

    subject: Subject
    checker: Checker
    judgements: dict[str, list[Judgement]] = field(default_factory=dict)
    crashes: list[Crash] = field(default_factory=list)
    mutated: dict[str, Case] = field(default_factory=dict)
    aliased: dict[tuple[str, str], Case] = field(default_factory=dict)
    unsteady: dict[str, Case] = field(default_factory=dict)
    dtypes: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    control: Controls | None = None
    cases: int = 0

    def of(self, quantity: str, *states: State) -> list[Judgement]:
        """The judgements of a quantity that are in one of the given states."""
        return [j for j in self.judgements.get(quantity, []) if j.state in states]


def observe(subject: Subject, wanted: Settings) -> Observations:
    """Run a subject at all cases."""
    checker = Checker(subject)
    seen = Observations(subject, checker)
    seen.control = Controls(checker) if wanted.controls else None
    for number, case in enumerate(wanted.only or _cases(checker.inputs, wanted)):
        done = checker.run(case)
        _take(seen, case, done, controls=number < wanted.examples)
        if done.error is not None and done.error.fault is not None:
            # It costs a time limit or a new process, and its verdict is settled.
            break
        if number < 2 * REPEATED and done.error is None:
            _repeat(seen, case, done, number)
    return seen


def _cases(inputs: Inputs, wanted: Settings) -> Iterator[Case]:
    """A fixed part that meets every family, then what Hypothesis draws."""
    shares = _shares(wanted.examples, len(wanted.formats))
    for k, (format, share) in enumerate(zip(wanted.formats, shares, strict=True)):
        fixed = min(share, max(8, share // 2))
        yield from plan(inputs, format, fixed, wanted.seed + k)
        if share > fixed:
            yield from generated(inputs, (format,), share - fixed, wanted.seed + k)


def _shares(examples: int, formats: int) -> list[int]:
    """Most cases in the first format, in which the bound is sharpest."""
    weights = [4, 2, 1][:formats] + [1] * max(0, formats - 3)
    return [max(1, examples * w // sum(weights)) for w in weights]


def generated(inputs: Inputs, formats: Sequence[str], count: int, seed: int) -> list[Case]:
    """Cases drawn by Hypothesis, the same for the same seed and version."""
    drawn: list[Case] = []

    @hypothesis_seed(seed)
    @settings(
        max_examples=count,
        derandomize=False,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(inputs, formats))
    def collect(case: Case) -> None:
        drawn.append(case)

    collect()
    return drawn


def _take(seen: Observations, case: Case, done: Run, *, controls: bool) -> None:
    checker = seen.checker
    seen.cases += 1
    right = checker.reference(case)
    if done.error is not None:
        seen.crashes.append(Crash(done.error, case))
    for judgement in checker.judge(case, done, right):
        seen.judgements.setdefault(judgement.quantity, []).append(judgement)
    for name in done.mutated:
        seen.mutated.setdefault(name, case)
    for pair in done.aliased:
        seen.aliased.setdefault(pair, case)
    for name, array in done.results.items():
        given_as = seen.dtypes.setdefault(name, {}).setdefault(case.format, set())
        given_as.add(array.dtype.name)
    if seen.control is not None and controls:
        seen.control.see(case, right)


def _repeat(seen: Observations, case: Case, done: Run, number: int) -> None:
    """Run again on a fresh instance, which must give the same bits; and on one used before."""
    checker = seen.checker
    again = checker.run(case)
    for name in same_results(done, again):
        seen.unsteady.setdefault(name, case)
    # Once on an instance that ran several times before: some mistakes need more than one.
    other = _another(checker.inputs, case)
    used = checker.run(case, *([other] * (USED if number == 0 else 1)))
    right = checker.reference(case)
    for judgement in checker.judge(case, used, right, reused=True):
        if judgement.state in BAD:
            seen.judgements[judgement.quantity].append(judgement)


def _another(inputs: Inputs, case: Case) -> Case:
    """A case with other numbers, and as many samples or one more."""
    sizes = dict(case.sizes)
    if inputs.samples in sizes and sizes[inputs.samples] % 2:
        sizes[inputs.samples] += 1
    return make_case(inputs, sizes, case.format, "normal", 11)
