"""The notations by name: one entry each, with what prints an equation and a whole spec in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backproof.spec.errors import SpecError, suggestion
from backproof.spec.printers.einsum_form import einsum_equation
from backproof.spec.printers.index import index_equation
from backproof.spec.printers.jax_code import jax_assignment, jax_program
from backproof.spec.printers.latex_form import latex_equation
from backproof.spec.printers.mathml_form import mathml_equation
from backproof.spec.printers.matrix_form import matrix_equation
from backproof.spec.printers.numpy_code import numpy_assignment, numpy_program

if TYPE_CHECKING:
    from backproof.spec.layer import Equation, Spec


@dataclass(frozen=True, slots=True)
class Notation:
    """A way to write equations.

    Attributes:
        equation: writes one equation.
        program: writes a whole spec; None where that is its equations, one a line.
    """

    equation: Callable[[Equation], str]
    program: Callable[[Spec], str] | None = None


def _index(equation: Equation) -> str:
    return index_equation(equation.target, equation.value)


def _matrix(equation: Equation) -> str:
    return matrix_equation(equation) or einsum_equation(equation)


NOTATIONS: Mapping[str, Notation] = {
    "index": Notation(_index),
    "matrix": Notation(_matrix),
    "einsum": Notation(einsum_equation),
    "latex": Notation(latex_equation),
    "mathml": Notation(mathml_equation),
    "numpy": Notation(numpy_assignment, numpy_program),
    "jax": Notation(jax_assignment, jax_program),
}


def notation_named(name: str) -> Notation:
    """The notation of a name.

    Raises:
        SpecError: there is none of that name.
    """
    if name not in NOTATIONS:
        raise SpecError(
            f"no notation is named '{name}'",
            help=suggestion(name, NOTATIONS) or f"known are {', '.join(NOTATIONS)}",
        )
    return NOTATIONS[name]


def equation_form(equation: Equation, notation: str) -> str:
    """An equation in the notation of the given name.

    Args:
        equation: what to write.
        notation: a key of ``NOTATIONS``.

    Raises:
        SpecError: there is no such notation.
    """
    return notation_named(notation).equation(equation)


def program_form(spec: Spec, notation: str) -> str:
    """A whole spec: its statements and its derived gradients, ending in a line end.

    In ``numpy`` and ``jax`` these are two functions, ``forward`` and ``backward``, that run as
    printed.

    Args:
        spec: what to write.
        notation: a key of ``NOTATIONS``.

    Raises:
        SpecError: there is no such notation, or the spec cannot be written in it.
    """
    found = notation_named(notation)
    if found.program is not None:
        return found.program(spec)
    equations = [*spec.statements().values(), *spec.gradients().values()]
    return "".join(f"{found.equation(e)}\n" for e in equations if not e.is_upstream)
