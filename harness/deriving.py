"""What ``derive`` shows: gradients in every notation, and how they were derived."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import backproof
from backproof.errors import UsageError
from backproof.reports.finding import Report
from backproof.spec.deriving.conditions import conditions
from backproof.spec.deriving.explain import explain
from backproof.spec.errors import suggestion
from backproof.spec.layer import Equation, Spec
from backproof.spec.printers.registry import equation_form, notation_named, program_form


class Mode(StrEnum):
    """What is derived."""

    GRADIENTS = "gradients"
    JVP = "jvp"
    HVP = "hvp"


def chosen_equations(
    spec: Spec, wanted: Sequence[str], expand: bool = False, mode: Mode = Mode.GRADIENTS
) -> tuple[Spec, list[Equation]]:
    """What is derived of a spec, and the spec that states it.

    Args:
        spec: the layer.
        wanted: the tensors whose gradients are shown, or the inputs that vary in forward mode
            and in a Hessian-vector product; all by default.
        expand: down to the inputs.
        mode: what is derived. A Hessian-vector product is shown with the gradients of which it is
            the tangent, and with all tangents that it needs.

    Raises:
        UsageError: a wanted tensor does not occur.
        SpecError: a name is taken, or what is to vary is no input.
    """
    if mode is Mode.GRADIENTS:
        return spec, chosen_gradients(spec, wanted, expand)
    derived = (spec.tangent_spec if mode is Mode.JVP else spec.hessian_spec)(wanted or None)
    equations = [e for e in derived.statements().values() if e.of]
    return derived, [e.expanded() for e in equations] if expand else equations


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


def derivation_report(
    spec: Spec,
    wanted: Sequence[str] = (),
    *,
    expand: bool = False,
    mode: Mode = Mode.GRADIENTS,
) -> Report:
    """What is derived, as data."""
    rows = []
    derived, equations = chosen_equations(spec, wanted, expand, mode)
    for equation in equations:
        row: dict[str, object] = {"quantity": equation.name, "of": equation.of}
        for notation in ("index", "matrix", "einsum", "latex", "mathml", "numpy", "jax"):
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
            "numpy": program_form(derived, "numpy"),
            "jax": program_form(derived, "jax"),
            "conditions": [str(c) for c in conditions(spec.program)],
        },
    )


def derivation_text(
    spec: Spec,
    wanted: Sequence[str] = (),
    *,
    form: str = "index",
    steps: bool = False,
    expand: bool = False,
    mode: Mode = Mode.GRADIENTS,
) -> str:
    """What is derived, as text."""
    derived, equations = chosen_equations(spec, wanted, expand, mode)
    whole = mode is not Mode.GRADIENTS or not wanted
    if notation_named(form).program is not None and whole and not steps:
        return program_form(derived, form).rstrip("\n")
    if steps:
        blocks = ["\n".join(explain(e)) for e in equations if not e.is_upstream]
        needed = conditions(spec.program)
        if needed:
            blocks.append("\n".join(["taken for granted:", *(f"  {c}" for c in needed)]))
        return "\n\n".join(blocks)
    shown = [e for e in equations if not e.is_upstream or wanted]
    return "\n".join(equation_form(e, form) for e in shown)
