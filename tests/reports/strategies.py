"""Reports that nobody wrote, with anything in them that a report may hold."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from backproof.reports.finding import (
    Check,
    Control,
    Counterexample,
    Derived,
    Evidence,
    Finding,
    Mistake,
    MistakeKind,
    Report,
    Shapes,
    Verdict,
    Where,
)

# Pieces that break out of one rendering or another, mixed with characters of any kind.
NASTY = [
    "\x1b[31m",
    "\x9b",
    "\r",
    "\n",
    "\t",
    "\u202e",
    "\u200b",
    "\x00",
    "|",
    "`",
    "```",
    "<b>",
    "</details>",
    "&amp;",
    "\\",
    "*",
    "_",
    "[a](b)",
    "$",
    "~~",
    "@team",
    "#1",
    "- ",
    "1. ",
    "http://a.b",
    "www.a.b",
    "ᵀ",
    "漢字",
    "e\u0301",
    "👩\u200d🔬",
    "X[n,i] * W[o,i]",
    "dZ.T @ X",
]

texts = st.one_of(
    st.text(max_size=12),
    st.lists(st.sampled_from(NASTY) | st.text(max_size=4), max_size=5).map("".join),
)
names = st.sampled_from(["dW", "db", "dX", "Z", "dense"]) | texts
counts = st.integers(0, 10**4)
finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.integers() | finite | st.fractions().map(str)
values = st.recursive(numbers, lambda inner: st.lists(inner, max_size=4), max_leaves=12)
matrices = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: st.lists(
        st.lists(numbers, min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    )
)
arrays = matrices | values


def _some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def _few(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(strategy, max_size=2)


def _named(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(names, strategy, max_size=3)


wheres = st.builds(
    Where, file=_some(texts), line=_some(counts), column=_some(counts), cell=_some(counts)
)
mistakes = st.builds(
    Mistake, kind=st.sampled_from(MistakeKind), variant=_some(texts), sentence=_some(texts)
)
derived = st.builds(Derived, index=_some(texts), matrix=_some(texts), latex=_some(texts))
counterexamples = st.builds(
    Counterexample,
    sizes=_named(counts),
    inputs=_named(arrays),
    expected=_some(arrays | _named(arrays)),
    got=_some(arrays | _named(arrays)),
    sentence=_some(texts),
    snippet=_some(texts),
)
shapes = st.builds(
    Shapes,
    expected=_some(texts),
    got=_some(texts),
    table=_few(
        st.fixed_dictionaries(
            {"sizes": _named(counts), "expected": _few(counts), "got": _few(counts)}
        )
    ),
    note=_some(texts),
)


def evidence(measures: st.SearchStrategy[float]) -> st.SearchStrategy[Evidence]:
    return st.builds(
        Evidence,
        oracle=names,
        agrees=_some(st.booleans()),
        error=_some(measures),
        bound=_some(measures),
        cases=_some(counts),
        note=_some(texts),
    )


def findings(measures: st.SearchStrategy[float] = finite) -> st.SearchStrategy[Finding]:
    return st.builds(
        Finding,
        id=texts,
        check=st.sampled_from(Check),
        verdict=st.sampled_from(Verdict),
        quantity=_some(names),
        subject=_some(names),
        where=_some(wheres),
        statement=_some(texts),
        message=texts,
        mistake=_some(mistakes),
        correction=_some(texts),
        assumption=_some(texts),
        convention=_some(texts),
        derived=_some(derived),
        counterexample=_some(counterexamples),
        shapes=_some(shapes),
        evidence=_few(evidence(measures)),
        notes=_few(texts),
    )


controls = st.builds(
    Control,
    planted=counts,
    caught=counts,
    missed=_few(texts),
    equivalent=counts,
    limit=_named(finite),
)


def reports(measures: st.SearchStrategy[float] = finite) -> st.SearchStrategy[Report]:
    return st.builds(
        Report,
        command=st.sampled_from(["verify", "audit", "compare", "replay"]),
        version=texts,
        findings=st.lists(findings(measures), max_size=4),
        environment=_named(texts | counts | st.booleans()),
        controls=_named(controls),
        notes=_few(texts),
    )


gradients = st.lists(
    st.fixed_dictionaries(
        {"quantity": names},
        optional={
            "index": texts,
            "matrix": texts,
            "einsum": texts,
            "latex": texts,
            "sympy": texts,
            "numpy": texts,
            "jax": texts,
            "steps": _few(texts),
        },
    ),
    max_size=3,
)
derivations = st.builds(
    Report, command=st.just("derive"), version=texts, gradients=gradients, notes=_few(texts)
)
