"""Wording: from what a run saw to findings. The only place that does it for layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backproof.arrays import number_type
from backproof.cases import Case, Inputs
from backproof.checking import BAD, Judgement, State
from backproof.conventions import Convention
from backproof.correcting import corrected, right_code, same_code, used_by
from backproof.crosscheck import CrossCheck
from backproof.derived_forms import derived_form
from backproof.diagnosis import Diagnosis
from backproof.reports.finding import (
    Check,
    Counterexample,
    Evidence,
    Finding,
    Mistake,
    MistakeKind,
    Shapes,
    Verdict,
    Where,
)
from backproof.spec.deriving.derive import Derivation
from backproof.spec.layer import Equation, Spec
from backproof.spec.printers.registry import program_form
from backproof.spec.terms import tensors_in
from backproof.subjects import Fault, SubjectError
from backproof.verifying import Crash, Observations

# Rows of the table of shapes in one finding.
SHAPE_ROWS = 8


class Wording:
    """The findings of one subject.

    Args:
        seen: what its runs showed.
        diagnoses: for each wrong quantity, the mistake.
        smallest: for each wrong quantity, its smallest case.
        oracles: what the independent oracles say.
        assumed: in what other way than given the subject was read.
    """

    def __init__(
        self,
        seen: Observations,
        diagnoses: Mapping[str, Diagnosis],
        smallest: Mapping[str, Judgement],
        oracles: CrossCheck,
        assumed: Sequence[Convention] = (),
    ) -> None:
        self.seen = seen
        self.subject = seen.subject
        self.diagnoses = diagnoses
        self.smallest = smallest
        self.oracles = oracles
        self.assumed = assumed
        self.convention = self._convention()

    def findings(self) -> list[Finding]:
        """All findings, values first, in the order of computation."""
        found: list[Finding] = []
        for quantity in self.seen.checker.wanted:
            found.append(self._value(quantity))
            found.append(self._shape(quantity))
        found += [self._absent(q, why) for q, why in self.subject.missing.items()]
        found.append(self._nonfinite())
        found.append(self._dtype())
        found.append(self._mutation())
        found.append(self._aliasing())
        found.append(self._determinism())
        found += self._crashes()
        return found

    # -- helpers

    def _convention(self) -> str:
        spec = self.subject.spec
        parts = [spec.layout, spec.activation]
        if spec.scale == "mean":
            parts.append("gradients of parameters are means over the samples")
        return ", ".join(p for p in parts if p)

    def _id(self, *parts: str) -> str:
        return "/".join((self.subject.label, *parts))

    def _equation(self, quantity: str) -> Equation:
        equation = self.subject.spec.equation(quantity)
        assert equation is not None
        return equation

    def _is_gradient(self, quantity: str) -> bool:
        return self.subject.spec.program.statement(quantity) is None

    def _where(self, quantity: str) -> tuple[Where | None, str | None]:
        """The place and text of the statement in the layer's own code."""
        if quantity in self.subject.lines:
            file, line, text = self.subject.lines[quantity]
            return Where(file=_shown_path(file), line=line), text
        if self.subject.file is not None:
            return Where(file=_shown_path(self.subject.file)), None
        return None, None

    def _crash_of(self, quantity: str) -> Crash | None:
        """The crash whose line is the one that computes a quantity."""
        if quantity not in self.subject.lines:
            return None
        file, line, text = self.subject.lines[quantity]
        last = line + text.count("\n")
        for crash in self.seen.crashes:
            error = crash.error
            if error.line is None or error.fault is not None:
                continue
            if line <= error.line <= last and _same_file(error.file, file):
                return crash
        return None

    # -- values

    def _value(self, quantity: str) -> Finding:
        judged = self.seen.judgements.get(quantity, [])
        bad = [j for j in judged if j.state in BAD]
        crash = self._crash_of(quantity)
        if quantity in self.oracles.disputed:
            return self._unknown(quantity, self.oracles.disputed[quantity])
        right = [j for j in judged if j.state is State.RIGHT]
        if bad or (right and crash is not None and _tells(crash)):
            return self._refuted(quantity, bad, crash)
        undecided = [j for j in judged if j.state is State.UNDECIDED]
        missing = [j for j in judged if j.state is State.MISSING]
        if not right and not undecided:
            return self._never(quantity, missing)
        if not right:
            return self._unknown(quantity, "no entry of any case could be decided")
        notes = []
        if undecided:
            notes.append(
                f"in {len(undecided)} of {len(judged)} cases some entries were undecided "
                "(an overflow that depends on the order of summation, or a value at a kink)"
            )
        if missing and self.seen.crashes:
            notes.append(_sizes_seen(right, self.seen.checker.inputs.every_axis))
        assumption = self._assumption(quantity)
        return self._finding(
            quantity,
            Verdict.HOLDS if assumption is None else Verdict.ASSUMES,
            assumption=assumption,
            message=f"within the derived bound in all {len(right) + len(undecided)} cases",
            notes=notes,
            evidence=self._evidence(quantity, right),
        )

    def _assumption(self, quantity: str) -> str | None:
        found = [c.assumption for c in self.assumed if not c.quantities or quantity in c.quantities]
        if self._is_gradient(quantity):
            found += self.subject.assumes
        return "; ".join(found) or None

    def _finding(self, quantity: str, verdict: Verdict, **rest: Any) -> Finding:
        equation = self._equation(quantity)
        gradient = self._is_gradient(quantity)
        return Finding(
            id=self._id(quantity),
            check=Check.GRADIENT if gradient else Check.FORWARD,
            verdict=verdict,
            quantity=quantity,
            subject=self.subject.label,
            convention=self.convention,
            derived=derived_form(equation),
            **rest,
        )

    def _absent(self, quantity: str, why: str) -> Finding:
        """A gradient that the layer should give and does not: it was not judged."""
        where, statement = self._where(quantity)
        if why.startswith("computed"):
            # The right value under a local name is lost: whoever reads the layer finds nothing.
            sentence = f"{quantity} is not kept: it is lost when the backward pass returns"
            return self._finding(
                quantity,
                Verdict.REFUTED,
                message=f"{sentence}: {why}",
                mistake=Mistake(kind=MistakeKind.OTHER, variant="not kept", sentence=sentence),
                where=where,
                statement=statement,
            )
        return self._finding(
            quantity,
            Verdict.UNKNOWN,
            message=f"not judged: {why}",
            where=where,
            statement=statement,
        )

    def _never(self, quantity: str, missing: Sequence[Judgement]) -> Finding:
        note = missing[0].note if missing else "nothing"
        crashed = bool(self.seen.crashes)
        message = (
            "never computed, since the layer raised first"
            if crashed
            else f"not an array of numbers: {note}"
        )
        return self._finding(
            quantity, Verdict.UNKNOWN if crashed else Verdict.ERROR, message=message
        )

    def _unknown(self, quantity: str, why: str) -> Finding:
        return self._finding(quantity, Verdict.UNKNOWN, message=why)

    def _refuted(self, quantity: str, bad: Sequence[Judgement], crash: Crash | None) -> Finding:
        diagnosis = self.diagnoses.get(quantity)
        where, statement = self._where(diagnosis.cause if diagnosis else quantity)
        if statement is None:
            where, statement = self._where(quantity)
        fix, statement, where = self._correction(
            quantity, diagnosis.cause if diagnosis else quantity, statement, where
        )
        notes = []
        if crash is not None:
            notes.append(_crash_sentence(crash))
        if diagnosis is not None and diagnosis.cause != quantity:
            notes.append(f"{quantity} is wrong because {diagnosis.cause} is")
        notes += [
            f"as good an explanation: {also.sentence}"
            for also in (diagnosis.also if diagnosis else ())
        ]
        reused = [j for j in bad if j.reused]
        if reused and len(reused) == len(bad):
            notes.append("only on an instance that had run before: the first run is right")
        judged = self.seen.judgements.get(quantity, [])
        good = sum(j.state is State.RIGHT for j in judged)
        if good and bad:
            notes.append(f"right in {good} of {good + len(bad)} cases, such as {_sizes_of(judged)}")
        smallest = self.smallest.get(quantity)
        return self._finding(
            quantity,
            Verdict.REFUTED,
            where=where,
            statement=statement,
            message=_what(diagnosis, crash),
            mistake=_mistake(diagnosis),
            correction=fix,
            counterexample=self._counterexample(quantity, smallest) if smallest else None,
            evidence=self._evidence(quantity, bad),
            notes=notes,
        )

    def _correction(
        self, quantity: str, cause: str, statement: str | None, where: Where | None
    ) -> tuple[str | None, str | None, Where | None]:
        """The right statement, and the written one that it stands for, with its place."""
        fix = corrected(self.subject, cause, statement)
        if fix is None:
            fix = corrected(self.subject, quantity, statement)
        if fix is None:
            fix = right_code(self.subject.spec, cause)
        stale = all(j.reused for j in self.seen.of(quantity, *BAD))
        if statement is None or stale or not same_code(fix, statement):
            return fix, statement, where
        # The line itself is right: what it goes by is wrong further up.
        for upstream in used_by(self.subject.spec, quantity):
            other_where, other = self._where(upstream)
            better = corrected(self.subject, upstream, other)
            if other is not None and better is not None and not same_code(better, other):
                return better, other, other_where
        return None, statement, where

    def _evidence(self, quantity: str, judged: Sequence[Judgement]) -> list[Evidence]:
        rows = []
        measured = [j for j in judged if j.got is not None and j.got.size and np.isfinite(j.ratio)]
        if measured:
            plain = [j for j in measured if j.case.kind in ("normal", "whole")]
            worst = max(plain or measured, key=lambda j: j.ratio)
            rows.append(
                Evidence(
                    oracle="derived",
                    agrees=all(j.state not in BAD for j in judged),
                    error=worst.error,
                    bound=worst.bound,
                    cases=len(judged),
                )
            )
        return rows + self.oracles.evidence(quantity)

    def _counterexample(self, quantity: str, judgement: Judgement) -> Counterexample:
        case = judgement.case
        needed = self._needed(quantity, case)
        inputs = {name: _nested(case.inputs[name]) for name in needed}
        got = None if judgement.got is None else _nested(judgement.got)
        return Counterexample(
            sizes=dict(case.sizes),
            inputs=inputs,
            expected=_nested(judgement.expected),
            got=got,
            sentence=self._sentence(quantity, judgement),
            snippet=self._snippet(quantity, judgement, needed),
        )

    def _needed(self, quantity: str, case: Case) -> list[str]:
        wanted = Inputs.of(self.seen.checker.derivation, (quantity,)).axes
        return [name for name in case.inputs if name in wanted]

    def _sentence(self, quantity: str, judgement: Judgement) -> str:
        sizes = ", ".join(f"{a} = {s}" for a, s in judgement.case.sizes.items())
        if judgement.got is None:
            return f"with {sizes}, {quantity} is {judgement.note}"
        if judgement.state is State.SHAPE:
            return f"with {sizes}, {quantity} has {judgement.note}"
        at = judgement.position
        place = f"[{','.join(map(str, at))}]" if at else ""
        right = _number(judgement.expected[at])
        wrong = _number(judgement.got[at])
        return f"with {sizes}, {quantity}{place} is {right}; the layer gives {wrong}"

    def _snippet(self, quantity: str, judgement: Judgement, needed: Sequence[str]) -> str:
        """A program that shows the right and the wrong result; it needs NumPy alone."""
        given = [f"{n} = np.array({_literal(judgement.case.inputs[n])})" for n in needed]
        body = _runnable(self.subject.spec, self.seen.checker.derivation, quantity)
        lines = ["import numpy as np", "", *given, "", *body]
        lines.append(f'print("right:", {quantity}.tolist())')
        if judgement.got is not None:
            lines.append(f'print("layer:", {_literal(judgement.got)})')
        return "\n".join(lines)

    # -- shapes and the rest

    def _shape(self, quantity: str) -> Finding:
        equation = self._equation(quantity)
        axes = [i.name for i in equation.target.indices]
        symbolic = _symbolic(axes)
        rows: dict[tuple[tuple[str, int], ...], dict[str, Any]] = {}
        wrong = False
        for j in self.seen.judgements.get(quantity, []):
            if j.got is None:
                continue
            key = tuple(j.case.sizes.items())
            differs = j.got.shape != j.expected.shape
            if key not in rows or differs:
                rows[key] = {
                    "sizes": dict(j.case.sizes),
                    "expected": list(j.expected.shape),
                    "got": list(j.got.shape),
                }
            wrong = wrong or differs
        ordered = sorted(rows.values(), key=lambda r: r["got"] == r["expected"])[:SHAPE_ROWS]
        diagnosis = self.diagnoses.get(quantity)
        got = note = None
        if diagnosis is not None and diagnosis.form is not None and diagnosis.cause == quantity:
            shown = [i.axis for i in diagnosis.form.indices]
            got = _symbolic(shown)
            note = _accident(axes, shown, diagnosis.form.needs)
        crash = self._crash_of(quantity)
        never = not rows
        if wrong or (got is not None and got != symbolic):
            verdict = Verdict.REFUTED if wrong or crash is not None else Verdict.HOLDS
        else:
            verdict = Verdict.UNKNOWN if never else Verdict.HOLDS
        if never:
            message = "never computed"
        elif verdict is Verdict.REFUTED and crash is not None and not wrong:
            message = _crash_sentence(crash)
        else:
            message = (
                f"{symbolic} at all {len(rows)} sizes tried"
                if not wrong
                else (f"expected {symbolic}" + (f", found {got}" if got else ""))
            )
        along = [i.axis for i in equation.target.indices]
        if note is None and rows and all(_hides(r["sizes"], along) for r in rows.values()):
            note = "seen only at equal sizes, which hide a transpose"
        return Finding(
            id=self._id(quantity, "shape"),
            check=Check.SHAPE,
            verdict=verdict,
            quantity=quantity,
            subject=self.subject.label,
            message=message,
            shapes=Shapes(expected=symbolic, got=got or symbolic, table=ordered, note=note),
        )

    def _plain(self, check: Check, verdict: Verdict, message: str, **rest: Any) -> Finding:
        return Finding(
            id=self._id(check),
            check=check,
            verdict=verdict,
            subject=self.subject.label,
            message=message,
            where=Where(file=_shown_path(self.subject.file)) if self.subject.file else None,
            **rest,
        )

    def _nonfinite(self) -> Finding:
        found = [j for q in self.seen.checker.wanted for j in self.seen.of(q, State.NONFINITE)]
        if not found:
            return self._plain(
                Check.NONFINITE, Verdict.HOLDS, "finite wherever the exact result surely is"
            )
        j = found[0]
        return self._plain(
            Check.NONFINITE,
            Verdict.REFUTED,
            f"{j.quantity} is not finite where the exact result is",
            quantity=j.quantity,
            counterexample=self._counterexample(j.quantity, j),
        )

    def _dtype(self) -> Finding:
        narrower: list[str] = []
        wider: list[str] = []
        for quantity, formats in self.seen.dtypes.items():
            for given, returned in formats.items():
                for name in sorted(returned - {given}):
                    less = number_type(name).itemsize < number_type(given).itemsize
                    (narrower if less else wider).append(f"{quantity} is {name} for {given}")
        if narrower:
            return self._plain(
                Check.DTYPE,
                Verdict.ASSUMES,
                "results are narrower than the inputs: " + "; ".join(narrower),
                assumption="the narrower dtype is wanted",
            )
        if wider:
            return self._plain(
                Check.DTYPE,
                Verdict.HOLDS,
                "at least the inputs' dtype",
                notes=["wider than the inputs: " + "; ".join(wider)],
            )
        return self._plain(Check.DTYPE, Verdict.HOLDS, "the inputs' dtype")

    def _mutation(self) -> Finding:
        if not self.seen.mutated:
            return self._plain(Check.MUTATION, Verdict.HOLDS, "no input is changed")
        names = ", ".join(sorted(self.seen.mutated))
        return self._plain(
            Check.MUTATION,
            Verdict.REFUTED,
            f"the layer changes what it is given: {names}",
            mistake=Mistake(kind=MistakeKind.OTHER, variant="mutation"),
        )

    def _aliasing(self) -> Finding:
        if not self.seen.aliased:
            return self._plain(
                Check.ALIASING, Verdict.HOLDS, "no result shares memory with an input"
            )
        pairs = "; ".join(f"{r} with {i}" for r, i in sorted(self.seen.aliased))
        return self._plain(
            Check.ALIASING,
            Verdict.ASSUMES,
            f"results share memory with inputs: {pairs}",
            assumption="nobody writes into either of the two",
        )

    def _determinism(self) -> Finding:
        if not self.seen.unsteady:
            return self._plain(Check.DETERMINISM, Verdict.HOLDS, "the same bits when run again")
        names = ", ".join(sorted(self.seen.unsteady))
        return self._plain(
            Check.DETERMINISM, Verdict.REFUTED, f"another result when run again: {names}"
        )

    def _crashes(self) -> list[Finding]:
        """What was raised, unless a refuted quantity's own line says it already."""
        told = set()
        for quantity in self.seen.checker.wanted:
            crash = self._crash_of(quantity)
            if crash is not None and self.seen.of(quantity, State.RIGHT, *BAD):
                told.add(crash.error.line)
        found: dict[tuple[str, int | None, str], Crash] = {}
        for crash in self.seen.crashes:
            if crash.error.line is None or crash.error.line not in told:
                key = (crash.error.stage, crash.error.line, crash.error.name)
                found.setdefault(key, crash)
        return [self._crash(crash) for crash in found.values()]

    def _crash(self, crash: Crash) -> Finding:
        error = crash.error
        empty = all(
            c.case.sizes.get(self.seen.checker.inputs.samples or "", 1) == 0
            for c in self.seen.crashes
            if c.error.line == error.line
        )
        empty = empty and error.fault is None
        return Finding(
            id=self._id("crash", str(error.line or 0)),
            check=Check.TIMEOUT if error.fault is Fault.TIMEOUT else Check.CRASH,
            verdict=Verdict.ASSUMES if empty else Verdict.ERROR,
            subject=self.subject.label,
            where=Where(file=_shown_path(error.file or self.subject.file), line=error.line),
            statement=error.text or None,
            message=_crash_sentence(crash),
            assumption="at least one sample" if empty else None,
            counterexample=Counterexample(
                sizes=dict(crash.case.sizes),
                inputs={k: _nested(v) for k, v in crash.case.inputs.items() if v.size <= 64},
            ),
        )


def unusable_finding(label: str, error: Exception) -> Finding:
    """What is said of one among several subjects that is no layer, or not understood."""
    return Finding(
        id=f"{label}/subject",
        check=Check.CRASH,
        verdict=Verdict.ERROR,
        subject=label,
        message=str(error),
    )


def broken_finding(label: str, error: SubjectError) -> Finding:
    """What is said of a layer that could not even be tried out."""
    place = f" in line {error.line}" if error.line else ""
    return Finding(
        id=f"{label}/crash/{error.line or 0}",
        check=Check.TIMEOUT if error.fault is Fault.TIMEOUT else Check.CRASH,
        verdict=Verdict.ERROR,
        subject=label,
        where=Where(file=_shown_path(error.file), line=error.line) if error.file else None,
        statement=error.text or None,
        message=f"the {stage_named(error.stage)} {error.message}{place}, while it was being "
        "found out how the layer is called",
    )


# ---------------------------------------------------------------- words and numbers


def _shown_path(file: str | None) -> str | None:
    """A path as seen from the current folder, when it lies below it."""
    if file is None:
        return None
    try:
        return str(Path(file).resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file


def _same_file(left: str | None, right: str) -> bool:
    return left is not None and Path(left).resolve() == Path(right).resolve()


def _tells(crash: Crash) -> bool:
    """Whether a crash says that a line is wrong: not at an empty batch, and of shapes or values."""
    return all(s > 0 for s in crash.case.sizes.values())


def _what(diagnosis: Diagnosis | None, crash: Crash | None) -> str:
    if diagnosis is not None:
        return diagnosis.mistake.sentence
    return _crash_sentence(crash) if crash is not None else "the values are wrong"


def _mistake(diagnosis: Diagnosis | None) -> Mistake | None:
    if diagnosis is None:
        return None
    found = diagnosis.mistake
    return Mistake(kind=MistakeKind(found.kind), variant=found.variant, sentence=found.sentence)


def _crash_sentence(crash: Crash) -> str:
    error: SubjectError = crash.error
    sizes = ", ".join(f"{a} = {s}" for a, s in crash.case.sizes.items())
    place = f" in line {error.line}" if error.line else ""
    first = error.message.strip().splitlines()
    if error.fault is not None:
        return f"the {stage_named(error.stage)} {error.message} with {sizes}{place}"
    what = f": {first[0]}" if first else ""
    return f"{error.name} with {sizes}{place}{what}"


def stage_named(stage: str) -> str:
    """What a layer was doing, as the subject of a sentence."""
    if stage in ("forward", "backward"):
        return f"{stage} pass"
    return {"import": "import", "construct": "constructor"}.get(stage, "layer")


def _sizes_seen(right: Sequence[Judgement], axes: Sequence[str]) -> str:
    """At which kinds of sizes a quantity was reached at all."""
    pairs = [
        f"{a} = {b}"
        for k, a in enumerate(axes)
        for b in axes[k + 1 :]
        if all(
            j.case.sizes[a] == j.case.sizes[b] for j in right if j.got is not None and j.got.size
        )
    ]
    if not pairs:
        return "at other sizes the layer raised"
    return f"seen only where {' and '.join(pairs)}: elsewhere the layer raised first"


def _sizes_of(judged: Sequence[Judgement]) -> str:
    right = next(j for j in judged if j.state is State.RIGHT)
    sizes = ", ".join(f"{a} = {s}" for a, s in right.case.sizes.items())
    return f"{sizes} with {right.case.kind} numbers"


def _accident(
    right: Sequence[str], wrong: Sequence[str], needs: Sequence[tuple[str, str]]
) -> str | None:
    """When a wrong formula's result has the right shape all the same."""
    pairs = [(a, b) for a, b in needs if a != b]
    if len(right) == len(wrong):
        pairs += [(a, b) for a, b in zip(right, wrong, strict=True) if a != b]
    if not pairs or len(right) != len(wrong):
        return None
    names = list(dict.fromkeys(f"{min(p)} = {max(p)}" for p in pairs))
    return f"the wrong formula has the right shape only where {' and '.join(names)}"


def _symbolic(axes: Sequence[str]) -> str:
    """A shape by the names of its axes, written as Python writes a tuple."""
    return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"


def _hides(sizes: Mapping[str, int], axes: Sequence[str]) -> bool:
    return len(axes) > 1 and len({sizes[a] for a in axes}) == 1


def _nested(array: Any) -> Any:
    return np.asarray(array, dtype=np.float64).tolist() if np.ndim(array) else float(array)


def _number(value: Any) -> str:
    found = float(value)
    return str(int(found)) if found.is_integer() and abs(found) < 1e15 else repr(found)


def _literal(array: Any) -> str:
    found = np.asarray(array, dtype=np.float64)
    if not found.size:
        return f"np.zeros({found.shape})"
    text = repr(found.tolist())
    return text.replace("nan", 'float("nan")').replace("inf", 'float("inf")')


def _runnable(spec: Spec, derivation: Derivation, quantity: str) -> list[str]:
    """Statements that compute a quantity from what is given, helpers included."""
    order: list[str] = []

    def need(name: str) -> None:
        definition = derivation.definition(name)
        if definition is None or name in order:
            return
        for used in sorted(tensors_in(definition[1])):
            need(used)
        order.append(name)

    def statements() -> list[str]:
        return [right_code(spec, name) for name in order]

    need(quantity)
    # The code may use the output in place of the function's value: have it at hand.
    text = "\n".join(statements())
    for name in derivation.program.defined:
        if f" {name}" in text:
            need(name)
    written = statements()
    helpers = program_form(spec, "numpy").split("def forward(")[0].strip().splitlines()
    helpers = [line for line in helpers if line != "import numpy as np"]
    called = "(" in "\n".join(written) and any(line.strip() for line in helpers)
    return [*(helpers if called else []), *written]
