"""A derivation line by line, as a person would write it, each line with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backproof.spec.deriving.derive import Rule, Step, gradient_name
from backproof.spec.printers.index import index_equation
from backproof.spec.printers.latex_form import latex_equation, latex_index_equation
from backproof.spec.printers.matrix_form import matrix_equation
from backproof.spec.terms import Term, tensors_in

if TYPE_CHECKING:
    from backproof.spec.layer import Equation

_WIDTH = 76
_GIVEN = "given"
_MATRIX = "matrix form"


@dataclass(frozen=True, slots=True)
class Line:
    """``left = right`` for a reason; ``of`` is the statement that the reason speaks of."""

    left: Term
    right: Term
    reason: str
    of: tuple[Term, Term] | None = None


def lines(equation: Equation) -> list[Line]:
    """The lines of a derivation.

    Args:
        equation: a derived gradient; a statement of the program has one line, and no reason but
            that it is given.
    """
    if not equation.steps:
        return [Line(equation.target, equation.value, _GIVEN)]
    return [_line(equation, step) for step in equation.steps]


def explain(equation: Equation) -> list[str]:
    """The derivation as plain text: one rule a line, its name in a column on the right.

    The last line is the matrix form, where there is one.

    Args:
        equation: what was derived.
    """
    rows = [(index_equation(x.left, x.right), _reason(x)) for x in lines(equation)]
    matrix = matrix_equation(equation)
    if matrix is not None and matrix != rows[-1][0] and not equation.is_upstream:
        rows.append((matrix, _MATRIX))
    width = max(len(text) for text, _ in rows if len(text) <= _WIDTH or len(rows) == 1)
    return [f"{text.ljust(width)}    {reason}" for text, reason in rows]


def explain_markdown(equation: Equation) -> list[str]:
    """The derivation as a numbered Markdown list with formulas in dollars.

    Args:
        equation: what was derived.
    """
    return [f"{k}. ${text}$ ({why})" for k, (text, why) in enumerate(_typeset(equation), start=1)]


def explain_latex(equation: Equation) -> list[str]:
    """The derivation as the lines of an ``align*`` environment of amsmath.

    Args:
        equation: what was derived.
    """
    rows = _typeset(equation)
    body = []
    for k, (text, why) in enumerate(rows):
        left, _, right = text.partition(" = ")
        end = r" \\" if k + 1 < len(rows) else ""
        body.append(rf"  {left} &= {right} && \text{{{why}}}{end}")
    return [r"\begin{align*}", *body, r"\end{align*}"]


def _line(equation: Equation, step: Step) -> Line:
    program = equation.spec.program
    if step.rule is Rule.DIFFERENTIATE:
        statement = program.statement(step.statement)
        assert statement is not None
        return Line(step.left, step.right, "derivative of", (statement.target, statement.value))
    reason = str(step.rule)
    if step.rule in (Rule.CONTRACT, Rule.BROADCAST, Rule.ADD):
        # The chain rule wrote the loss's own gradient as a factor; here it is gone.
        chained = tensors_in(next(s.right for s in equation.steps if s.rule is Rule.CHAIN))
        losses = (gradient_name(name) for name in program.outputs if program.is_loss(name))
        for seed in sorted(chained.intersection(losses)):
            reason = f"{reason}; {seed} = 1" if step.rule is Rule.ADD else f"{seed} = 1"
    return Line(step.left, step.right, reason)


def _reason(line: Line) -> str:
    return line.reason if line.of is None else f"{line.reason} {index_equation(*line.of)}"


def _typeset(equation: Equation) -> list[tuple[str, str]]:
    program = equation.spec.program
    rows = []
    for line in lines(equation):
        reason = line.reason
        if line.of is not None:
            reason += f" ${latex_index_equation(program, *line.of)}$"
        rows.append((latex_index_equation(program, line.left, line.right), reason))
    latex = latex_equation(equation)
    if latex != rows[-1][0] and not equation.is_upstream:
        rows.append((latex, _MATRIX))
    return rows
