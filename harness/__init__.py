"""backproof proves that a neural-network layer's backward pass is right.

State a layer as equations, derive its gradients, check an implementation against them:

    import backproof as bp

    spec = bp.dense(layout="ni,io->no", activation="sigmoid")
    print(spec.gradients()["W"])
    report = bp.verify("layers.py:Dense")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backproof.api import Refuted, check, compare, mutants, verify
    from backproof.errors import NotInferredError, UsageError
    from backproof.monitoring import monitor
    from backproof.reports.finding import Finding, Report, Verdict
    from backproof.spec.errors import SpecError
    from backproof.spec.layer import Equation, Spec
    from backproof.spec.library import dense, network
    from backproof.subjects import Subject, subject

__version__ = "0.1.0"

# The front door is lazy: `import backproof.spec` runs this file first and must not load NumPy,
# JAX or Hypothesis, and neither must `backproof --help`.
_HOMES = {
    "Refuted": "backproof.api",
    "check": "backproof.api",
    "compare": "backproof.api",
    "mutants": "backproof.api",
    "verify": "backproof.api",
    "NotInferredError": "backproof.errors",
    "UsageError": "backproof.errors",
    "monitor": "backproof.monitoring",
    "Finding": "backproof.reports.finding",
    "Report": "backproof.reports.finding",
    "Verdict": "backproof.reports.finding",
    "SpecError": "backproof.spec.errors",
    "Equation": "backproof.spec.layer",
    "Spec": "backproof.spec.layer",
    "dense": "backproof.spec.library",
    "network": "backproof.spec.library",
    "Subject": "backproof.subjects",
    "subject": "backproof.subjects",
}

__all__ = [
    "Equation",
    "Finding",
    "NotInferredError",
    "Refuted",
    "Report",
    "Spec",
    "SpecError",
    "Subject",
    "UsageError",
    "Verdict",
    "check",
    "compare",
    "dense",
    "monitor",
    "mutants",
    "network",
    "subject",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'backproof' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
