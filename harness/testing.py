"""For property tests of one's own: cases as Hypothesis strategies, and the judgement of results.

from hypothesis import given
from backproof.testing import assert_holds, layer_cases

spec = bp.dense(layout="ni,io->no", activation="tanh")

@given(layer_cases(spec))
def test_dense(case):
x = case.arrays()
A = np.tanh(x["X"] @ x["W"] + x["b"])
dZ = x["dA"] * (1 - A**2)
assert_holds(spec, case, {"A": A, "dW": x["X"].T @ dZ, "db": dZ.sum(0), "dX": dZ @ x["W"].T})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from backproof.adapters.model import Model
from backproof.cases import Case, cases
from backproof.checking import BAD, Checker, Judgement
from backproof.errors import UsageError
from backproof.running import Run
from backproof.spec.errors import suggestion
from backproof.spec.layer import Spec
from backproof.subjects import Session, Subject

__all__ = ["Case", "assert_holds", "judge_results", "layer_cases", "said"]


def layer_cases(
    spec: Spec, dtypes: Sequence[str] = ("float64",), upstream: str | None = None
) -> st.SearchStrategy[Case]:
    """Sizes and numbers at which a layer can be run; they shrink to small sizes.

    Args:
        spec: what the layer computes.
        dtypes: of the inputs: "float64", "float32", "float16", "bfloat16".
        upstream: the tensor whose gradient the layer is given; its output unless said.

    Returns:
        a strategy of cases: ``case.sizes``, and ``case.arrays()``, a fresh array of the dtype for
        each input and upstream gradient, by name.
    """
    checker = Checker(_subject(spec, _every(spec), upstream))
    return cases(checker.inputs, tuple(dtypes))


def judge_results(
    spec: Spec,
    case: Case,
    results: Mapping[str, NDArray[Any]],
    *,
    upstream: str | None = None,
    accumulate: str | None = None,
) -> list[Judgement]:
    """What each result of a layer is: right, wrong, or not decided, by its derived bound.

    Args:
        spec: what the layer computes.
        case: at which it was run.
        results: tensors and gradients by name, such as ``{"Z": ..., "dW": ...}``.
        upstream: as for ``layer_cases``.
        accumulate: the narrower format in which the layer computes on purpose.

    Raises:
        UsageError: the spec has no such tensor.
    """
    known = _every(spec)
    for name in results:
        if name not in known:
            near = suggestion(name, known) or f"known are {', '.join(known)}"
            raise UsageError(f"the spec has no '{name}'", near)
    checker = Checker(_subject(spec, tuple(results), upstream, accumulate))
    done = Run({name: np.asarray(value) for name, value in results.items()})
    return checker.judge(case, done, checker.reference(case))


def assert_holds(
    spec: Spec, case: Case, results: Mapping[str, NDArray[Any]], **options: Any
) -> None:
    """Fail unless every result is within its derived bound; see ``judge_results``.

    Raises:
        AssertionError: one is not; the message names it, its worst entry and the bound.
        UsageError: the spec has no such tensor.
    """
    __tracebackhide__ = True
    wrong = [j for j in judge_results(spec, case, results, **options) if j.state in BAD]
    if wrong:
        raise AssertionError("\n".join(map(said, wrong)))


def said(judgement: Judgement) -> str:
    """A judgement as a sentence: the case, the entry, both values and the bound."""
    sizes = ", ".join(f"{a} = {s}" for a, s in judgement.case.sizes.items())
    where = f"with {sizes}, {judgement.case.format}: {judgement.quantity}"
    if judgement.got is None or judgement.got.shape != judgement.expected.shape:
        return f"{where} has {judgement.note}"
    at = judgement.position
    place = f"[{','.join(map(str, at))}]" if at else ""
    got, expected = judgement.got[at], judgement.expected[at]
    return f"{where}{place} is {got!s}, expected {expected!s} within {judgement.bound:.2g}"


def _every(spec: Spec) -> tuple[str, ...]:
    """All tensors that a spec defines, and all gradients that it derives."""
    program = spec.program
    return (*program.defined, *(g.name for g in spec.derivation.gradients.values()))


def _subject(
    spec: Spec, provides: tuple[str, ...], upstream: str | None, accumulate: str | None = None
) -> Subject:
    return Subject(
        label="results",
        spec=spec,
        upstream=upstream or Model(spec).output,
        provides=provides,
        open=_nothing,
        accumulate=accumulate,
    )


def _nothing() -> Session:
    raise UsageError("these results were computed elsewhere: there is no layer to run")
