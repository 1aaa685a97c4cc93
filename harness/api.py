"""The Python front door: verify, check, compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from backproof.adapters.bundled import bundled_subjects
from backproof.comparing import compare_claims
from backproof.defaults import with_defaults
from backproof.gate import Progress, judge_all
from backproof.isolation.supervisor import Limits
from backproof.oracles.formats import FORMATS
from backproof.preparing import Asked, Preparation, Prepared
from backproof.reports.finding import Report, Verdict
from backproof.spec.layer import Spec
from backproof.stating import state
from backproof.surroundings import kept_surroundings
from backproof.theorems import depth_findings, initialiser_findings
from backproof.verifying import Settings

if TYPE_CHECKING:
    from backproof.mutating.matrix import Matrix


class Refuted(AssertionError):
    """A subject is wrong; the message is the report's text.

    Attributes:
        report: the whole report.
    """

    def __init__(self, report: Report) -> None:
        from backproof.reports.render_terminal import render

        super().__init__(f"{_headline(report)}\n{render(report, width=100, color=False)}")
        self.report = report


def _headline(report: Report) -> str:
    """What is wrong, in one line: the first that a test runner shows."""
    wrong: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.verdict in (Verdict.REFUTED, Verdict.ERROR):
            what = finding.quantity or finding.check
            kind = "" if finding.mistake is None else f" ({finding.mistake.kind})"
            said = wrong.setdefault(finding.subject or "", [])
            if not any(part.split(" (")[0] == what for part in said):
                said.append(f"{what}{kind}")
    return "; ".join(f"{layer}: {', '.join(parts)}" for layer, parts in wrong.items())


def verify(
    subject: Any = None,
    spec: Spec | str | None = None,
    *,
    layout: str | None = None,
    activation: str | None = None,
    scale: str | None = None,
    mapping: Mapping[str, str] | None = None,
    accumulate: str | None = None,
    elementary: float = 1.0,
    dtypes: Sequence[str] = Settings.formats,
    examples: int | None = None,
    seed: int = 0,
    in_process: bool = False,
    timeout: float = Limits.seconds,
    memory: int = Limits.memory,
    progress: Progress | None = None,
    record: str | Path | None = None,
) -> Report:
    """Check a layer's forward and backward pass against the derived equations and the oracles.

    Args:
        subject: an address such as ``layers.py:Dense``, a class, a function, a ``Subject``, or a
            sequence of them; None for the bundled layers in every layout, activation and dtype.
        spec: what it should compute; inferred for dense layers.
        layout: of a dense layer, instead of inferring it: ``ni,oi->no``, ``ni,io->no``,
            ``oi,in->on``.
        activation: likewise.
        scale: "sum" for the exact vector-Jacobian product, "mean" where the layer divides the
            gradients of its parameters by the number of samples, and means to. Not given, a
            layer that divides all of them is judged as "mean", and the report says so.
        mapping: how the layer calls a tensor, such as ``{"W": "weights"}``.
        accumulate: the format in which the layer computes on purpose, such as "float32", where
            that is narrower than its inputs.
        elementary: for a layer whose library's exp, tanh and the like are less exact than NumPy's:
            how many times the usual bounds they may err.
        dtypes: of the inputs, among "float64", "float32", "float16", "bfloat16"; most cases are
            of the first.
        examples: cases for each layer, over all dtypes.
        seed: of all random choices.
        in_process: run the layer in this process, where one that hangs or crashes the
            interpreter takes this process with it. Otherwise it runs in one of its own; what
            only this process knows, such as a class defined inside of a function, runs here
            all the same, and the report says so.
        timeout: seconds that one run of the layer may take, in a process of its own.
        memory: bytes that such a process may have; 0 for no limit.
        progress: told the label of each layer before it runs.
        record: a folder in which what is refuted is kept for ``backproof replay``.

    Raises:
        ValueError: no such dtype, or ``elementary`` is below 1.
        UsageError: the subject cannot be found, or what it is cannot be inferred; one among
            several gets a finding that says so.
        SpecError: the spec is wrong.
    """
    if not dtypes or not set(dtypes) <= FORMATS.keys():
        raise ValueError(f"dtypes are some of {', '.join(FORMATS)}, found {list(dtypes)}")
    if not elementary >= 1.0:
        raise ValueError(f"elementary is a factor from 1, found {elementary}")
    # A layer's module may call np.seterr: our own arithmetic does not go by that.
    with kept_surroundings(), np.errstate(all="ignore"):
        if spec == "dense" and layout is None and subject is not None:
            # The name alone leaves the layout open: it is found out, as without the name.
            spec = None
        if isinstance(spec, str):
            spec = _stated(spec, layout, activation, scale)
        if subject is None:
            return _verify_bundled(
                Settings(examples or BUNDLED_EXAMPLES, seed, infer=False), progress
            )
        names = dict(mapping or {})
        asked = Asked(spec, layout, activation, scale or "sum", names, accumulate, elementary)
        given = list(subject) if _is_many(subject) else [subject]
        limits = None if in_process else Limits(timeout, memory=memory)
        with Preparation(asked, limits) as preparation:
            layers = [preparation.prepare(g, alone=len(given) == 1) for g in given]
            found = Settings(
                examples or Settings.examples, seed, tuple(dtypes), infer=scale is None
            )
            folder = None if record is None else Path(record)
            return judge_all(layers, found, progress, folder)


def _is_many(subject: Any) -> bool:
    return isinstance(subject, Sequence) and not isinstance(subject, str)


def _verify_bundled(wanted: Settings, progress: Progress | None) -> Report:
    layers = [Prepared(s.label, s) for s in bundled_subjects()]
    report = judge_all(layers, wanted, progress, None)
    theorems = [*depth_findings(), *initialiser_findings()]
    notes = dict.fromkeys(f"{f.subject}: {f.message}" for f in theorems)
    return msgspec.structs.replace(
        report, findings=[*report.findings, *theorems], notes=[*report.notes, *notes]
    )


BUNDLED_EXAMPLES = 36


def check(subject: Any, spec: Spec | str | None = None, **options: Any) -> Report:
    """``verify``, raising when something is wrong.

    Raises:
        Refuted: a finding is refuted, or the subject failed; the message is the diagnosis.
    """
    __tracebackhide__ = True  # pytest shows the line of the test
    given = with_defaults(options if spec is None else {**options, "spec": spec})
    report = verify(subject, **given)
    if not report.ok:
        raise Refuted(report)
    return report


def mutants(
    subject: Any,
    spec: Spec | str | None = None,
    *,
    layout: str | None = None,
    activation: str | None = None,
    scale: str | None = None,
    mapping: Mapping[str, str] | None = None,
    accumulate: str | None = None,
    elementary: float = 1.0,
    seed: int = 0,
    in_process: bool = False,
    timeout: float = Limits.seconds,
    memory: int = Limits.memory,
) -> Matrix:
    """Plant mistakes into a right layer's own source, and see which of them the gate catches.

    Args:
        subject: an address such as ``layers.py:Dense``, or a class or function of a file.
        spec: what it should compute; this and all that follows as in ``verify``.
        layout: of a dense layer.
        activation: likewise.
        scale: "sum" or "mean".
        mapping: how the layer calls a tensor.
        accumulate: the format in which it computes on purpose.
        elementary: how many times the usual bounds its exp, tanh and the like may err.
        seed: of the cases.
        in_process: run the mutants in this process, where one that hangs is not stopped.
        timeout: seconds that one run of the layer may take; a mutant gets five at most.
        memory: bytes that the mutants' process may have.

    Raises:
        UsageError: the layer cannot be used, or is wrong already.
        SpecError: the spec is wrong.
    """
    from backproof.mutating.matrix import kill_matrix

    with kept_surroundings(), np.errstate(all="ignore"):
        if isinstance(spec, str):
            open_layout = spec == "dense" and layout is None
            spec = None if open_layout else _stated(spec, layout, activation, scale)
        names = dict(mapping or {})
        asked = Asked(spec, layout, activation, scale or "sum", names, accumulate, elementary)
        limits = None if in_process else Limits(timeout, memory=memory)
        return kill_matrix(subject, asked, limits, seed=seed, infer=scale is None)


def _stated(spec: str, layout: str | None, activation: str | None, scale: str | None) -> Spec:
    return state(spec, layout=layout, activation=activation, scale=scale or "sum")


def compare(claims: str | Sequence[str], given: Spec | str | None = None) -> Report:
    """Judge claims such as ``dW = dZ^T X``.

    Args:
        claims: one or several, in index or in matrix notation.
        given: what defines the names: a ``Spec``, equations, a file, a name.
    """
    spec = state(given) if isinstance(given, str) else given
    return compare_claims([claims] if isinstance(claims, str) else list(claims), spec)
