"""Code for NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backproof.spec.printers.numpy_dialect import NUMPY
from backproof.spec.printers.program_code import assignment, program

if TYPE_CHECKING:
    from backproof.spec.layer import Equation, Spec


def numpy_assignment(equation: Equation) -> str:
    """An equation as an assignment, such as ``dW = dZ.T @ X``.

    Raises:
        SpecError: the equation needs a size that is in no shape.
    """
    return assignment(equation, NUMPY)


def numpy_program(spec: Spec) -> str:
    """A module with ``forward`` and ``backward`` that runs as printed; see ``program``.

    Raises:
        SpecError: an equation needs a size that is in no shape.
    """
    return program(spec, NUMPY)
