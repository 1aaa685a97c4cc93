"""What ``derive`` shows: gradients in every notation, and how they were derived."""

from __future__ import annotations

from collections.abc import Sequence

import backproof
from backproof.errors import UsageError
from backproof.reports.finding import Report
from backproof.spec.errors import suggestion
from backproof.spec.explain import explain
from backproof.spec.layer import Equation, Spec
from backproof.spec.printers.registry import equation_form, notation_named, program_form


def chosen_gradients(spec: Spec, wanted: Sequence[str], expand: bool = False) -> list[Equation]:
    """The gradients of the wanted tensors, of all by default, from outputs to inputs.

    Raises:
        UsageError: a wanted tensor does not occur.
    """
    gradients = spec.gradients()
    for name in wanted:
        if name not in gradients:
            raise UsageError(
                f"no tensor is named '{name}'",
                suggestion(name, gradients) or f"known are {', '.join(gradients)}",
            )
    found = [gradients[name] for name in (wanted or gradients)]
    return [e.expanded() if expand and not e.is_upstream else e for e in found]


def derivation_report(spec: Spec, wanted: Sequence[str] = (), *, expand: bool = False) -> Report:
    """The gradients as data."""
    rows = []
    for equation in chosen_gradients(spec, wanted, expand):
        row: dict[str, object] = {"quantity": equation.name, "of": equation.of}
        for notation in ("index", "matrix", "einsum", "latex", "numpy", "jax"):
            row[notation] = equation_form(equation, notation)
        row["sympy"] = str(equation.sympy())
        row["steps"] = explain(equation)
        rows.append(row)
    return Report(
        command="derive",
        version=backproof.__version__,
        gradients=rows,
        environment={
            "equations": str(spec),
            "numpy": program_form(spec, "numpy"),
            "jax": program_form(spec, "jax"),
        },
    )


def derivation_text(
    spec: Spec,
    wanted: Sequence[str] = (),
    *,
    form: str = "index",
    steps: bool = False,
    expand: bool = False,
) -> str:
    """The gradients as text."""
    if notation_named(form).program is not None and not wanted and not steps:
        return program_form(spec, form).rstrip("\n")
    equations = chosen_gradients(spec, wanted, expand)
    if steps:
        blocks = ["\n".join(explain(e)) for e in equations if not e.is_upstream]
        return "\n\n".join(blocks)
    shown = [e for e in equations if not e.is_upstream or wanted]
    return "\n".join(equation_form(e, form) for e in shown)
