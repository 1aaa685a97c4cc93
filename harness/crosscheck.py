"""The independent oracles, held against each other and then against the layer's results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.cases import Case, make_case
from backproof.checking import Checker
from backproof.guarding import guarded
from backproof.oracles.attribution import Attribution, attribute
from backproof.oracles.outcome import Answer, Question, Unavailable
from backproof.oracles.reference import Bounded
from backproof.oracles.registry import cheapest_first, make
from backproof.reports.finding import Check, Evidence, Finding, Verdict
from backproof.running import run
from backproof.spec.deriving.derive import Derivation, derive, up_to

# The numbers of the cases at which all oracles are asked; the sizes are small and distinct.
KINDS = ("whole", "normal")


@dataclass
class CrossCheck:
    """What the oracles say.

    Attributes:
        disputed: for each quantity on which the oracles contradict each other, a sentence.
        rows: for each quantity and oracle, what the oracle says of the layer's results.
        findings: one for each question on which the oracles were compared.
        unavailable: why an oracle gave no answer, by its name.
    """

    disputed: dict[str, str] = field(default_factory=dict)
    rows: dict[str, dict[str, Evidence]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unavailable: dict[str, str] = field(default_factory=dict)

    def evidence(self, quantity: str) -> list[Evidence]:
        """A row an oracle, the cheapest first."""
        return list(self.rows.get(quantity, {}).values())


class Answers:
    """Answers of the oracles that need nothing of a layer, kept for all layers of one spec."""

    def __init__(self) -> None:
        self.known: dict[tuple[Any, ...], list[Answer | Unavailable]] = {}

    def ask(
        self, derivation: Derivation, case: Case, wanted: tuple[str, ...], key: Any
    ) -> list[Answer | Unavailable]:
        """The answers to one question; ``key`` tells apart derivations that look alike."""
        place = (key, case.kind, tuple(case.sizes.items()), wanted)
        if place not in self.known:
            question = Question(derivation, case.inputs, wanted)
            self.known[place] = [
                entry.make().answer(question) for entry in cheapest_first() if not entry.needs
            ]
        return self.known[place]


def crosscheck(
    checker: Checker, answers: Answers, sizes: Mapping[str, int], *, forward_right: bool
) -> CrossCheck:
    """Ask every oracle about a layer at small cases.

    Args:
        checker: the layer's.
        answers: kept from other layers of the same run.
        sizes: at which; small, and distinct unless the layer runs at equal sizes only.
        forward_right: whether the layer's own forward pass is the one that the spec states; only
            then do differences of it say anything about its gradients.
    """
    found = CrossCheck()
    spec = checker.subject.spec
    key = (spec.text, tuple(spec.functions.items()), spec.scale, checker.subject.upstream)
    attributions: list[Attribution] = []
    asked = _asked(checker)
    wanted = tuple(name for name in checker.wanted if asked.definition(name) is not None)
    for case in _cases(checker, sizes):
        given = answers.ask(asked, case, wanted, key)
        attribution = attribute(given)
        attributions.append(attribution)
        for name in attribution.disputed:
            found.disputed[name] = attribution.agreements[name].sentence
        every = list(given)
        if forward_right and case.kind == KINDS[0]:
            # One case is enough: a difference quotient is taken for each entry of each input.
            every.append(_differences(checker, asked, case))
        found.unavailable |= {a.oracle: a.reason for a in every if isinstance(a, Unavailable)}
        _compare(found, checker, case, [a for a in every if isinstance(a, Answer)])
    found.findings.append(_finding(checker, attributions, found))
    return found


def _asked(checker: Checker) -> Derivation:
    """The derivation that every oracle can be asked about.

    A layer that is given the gradient of an intermediate is asked about as if it ended there:
    what comes after takes no part in its gradients.
    """
    spec, upstream = checker.subject.spec, checker.subject.upstream
    if upstream in spec.program.outputs:
        return checker.derivation
    return derive(up_to(spec.program, upstream), spec.mean_over)


def _cases(checker: Checker, sizes: Mapping[str, int]) -> list[Case]:
    return [
        make_case(checker.inputs, sizes, "float64", kind, 7 + k) for k, kind in enumerate(KINDS)
    ]


def _differences(checker: Checker, asked: Derivation, case: Case) -> Answer | Unavailable:
    program = asked.program
    upstream = {n: a for n, a in case.inputs.items() if n not in program.inputs}
    session = checker.subject.open()

    def forward(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        with guarded():
            return session.run({**inputs, **{n: a.copy() for n, a in upstream.items()}})

    output = checker.subject.upstream
    hidden = [t for t in (output, *program.outputs) if t not in checker.wanted]
    if hidden or output not in program.outputs:
        return Unavailable("differences", f"the layer does not show {(*hidden, output)[0]}")
    wanted = tuple(
        g.name
        for g in asked.gradients.values()
        if g.of in program.inputs and g.name in checker.wanted
    )
    question = Question(asked, case.inputs, wanted)
    try:
        return make("differences", forward=forward).answer(question)
    except Exception as error:
        return Unavailable("differences", f"the layer's forward pass raised: {error}")


def _compare(found: CrossCheck, checker: Checker, case: Case, answers: Sequence[Answer]) -> None:
    done = run(checker.subject.open(), case, checker.wanted)
    right = checker.reference(case)
    for name, got in done.results.items():
        for answer in answers:
            if name not in answer.values or answer.oracle == "derived":
                continue
            row = _row(answer, name, got, right[name])
            if row is None:
                continue
            rows = found.rows.setdefault(name, {})
            rows[answer.oracle] = _joined(rows.get(answer.oracle), row)


def _row(answer: Answer, name: str, got: Any, bounded: Bounded) -> Evidence | None:
    value, radius = answer.values[name], answer.radii[name]
    known = np.isfinite(radius)
    if got.shape != value.shape:
        return Evidence(oracle=answer.oracle, agrees=False, cases=1, note="another shape")
    if not known.any():
        return None
    with np.errstate(all="ignore"):
        off = np.abs(got.astype(np.float64) - value)[known]
        allowed = (np.asarray(bounded.radius) + radius)[known]
        outside = ~(off <= allowed)
        # Where a value sits at a kink every value of the hull is right.
        lower, upper = np.asarray(bounded.lower), np.asarray(bounded.upper)
        inside = ((got >= lower - radius) & (got <= upper + radius))[known]
        outside &= ~inside
        worst = int(np.argmax(off / np.maximum(allowed, np.finfo(float).tiny)))
    return Evidence(
        oracle=answer.oracle,
        agrees=not outside.any(),
        error=float(off[worst]),
        bound=float(allowed[worst]),
        cases=1,
    )


def _joined(before: Evidence | None, row: Evidence) -> Evidence:
    if before is None:
        return row
    worse = max(
        (before, row), key=lambda e: (e.error or 0.0) / (e.bound or 1.0) if e.bound else 0.0
    )
    return Evidence(
        oracle=row.oracle,
        agrees=bool(before.agrees and row.agrees),
        error=worse.error,
        bound=worse.bound,
        cases=(before.cases or 0) + (row.cases or 0),
        note=before.note or row.note,
    )


def _finding(checker: Checker, attributions: Sequence[Attribution], found: CrossCheck) -> Finding:
    label = checker.subject.label
    disputed = [a for a in attributions if a.disputed]
    notes = [f"{name}: {reason}" for name, reason in sorted(found.unavailable.items())]
    return Finding(
        id=f"{label}/oracles",
        check=Check.ORACLE,
        verdict=Verdict.ERROR if disputed else Verdict.HOLDS,
        subject=label,
        message=(disputed or attributions)[0].sentence,
        notes=notes,
    )
