"""Matrix notation: ``dW = dZ^T X``, ``A ⊙ (dA - sum_o(dA ⊙ A))``.

    equation   = name '=' sum
    sum        = ['-'] entrywise { ('+' | '-') entrywise }
    entrywise  = product { ('⊙' | '/') product }          from left to right, entry by entry
    product    = power { power }                          matrix product, or a scalar times
    power      = atom [ '^' ( 'T' | exponent ) ]
    exponent   = number | '(' number '/' number ')'
    atom       = number | 'pi' | name | '(' sum ')' | 'size' '(' axis ')'
               | function { "'" } '(' sum ')'
               | along '_' axis '(' sum ')'
               | ( 'max' | 'min' ) '(' sum ',' sum ')'
               | 'where' '(' sum '>' sum ',' sum ',' sum ')'
    along      = 'sum' | 'softmax' | 'logsumexp' | 'hardmax' | 'max' | 'prod'

Numbers are whole and not negative. A tensor of rank 1 is a column in a product; ``^T`` makes it a
row, so ``x^T y`` is a number and ``a b^T`` a matrix. Functions, ``/`` and powers work entry by
entry; ``max``, ``min`` and ``where`` take arrays of one shape, and numbers. In a sum and in an
entrywise product, an operand that lacks an axis of the others is constant along it, and axes are
matched by their names: ``X W^T + b`` adds b[o] to each row of a matrix over (n, o), and to each
column of one over (o, n). A number may stand for an array.
``backproof.spec.claims.matrix_notation`` reads it back, save the functions of several arguments and
``hardmax``, ``max`` and ``prod`` along an axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from backproof.spec.printers.matrix_writer import (
    ATOM,
    MatrixWriter,
    NoMatrixFormError,
    Piece,
    Quotient,
)

if TYPE_CHECKING:
    from backproof.spec.layer import Equation


class TextWriter(MatrixWriter):
    """Matrix notation as plain text."""

    def name(self, tensor: str) -> str:
        return tensor

    def integer(self, value: int) -> str:
        return str(value)

    def constant(self, name: str) -> str:
        return name

    def size(self, axis: str) -> str:
        return f"size({axis})"

    def bracketed(self, text: str) -> str:
        return f"({text})"

    def transposed(self, text: str) -> str:
        return f"{text}^T"

    def quotient(self, parts: Quotient) -> str:
        entrywise = " ⊙ ".join(parts.arrays)
        text = " ".join(filter(None, (*parts.scalars, entrywise))) or "1"
        return " / ".join((text, *parts.divisors, *parts.scalar_divisors))

    def raised(self, text: str, exponent: Fraction, *, entrywise: bool) -> str:
        shown = str(exponent) if exponent.denominator == 1 else f"({exponent})"
        return f"{text}^{shown}"

    def called(self, function: str, order: int, argument: str) -> str:
        return f"{function}{chr(39) * order}({argument})"

    def called_with(self, function: str, arguments: Sequence[str]) -> str:
        return f"{function}({', '.join(arguments)})"

    def chosen(self, condition: str, above: str, below: str) -> Piece:
        return Piece(self.called_with("where", (condition, above, below)), ATOM)

    def along(self, operator: str, axes: Sequence[str], argument: str) -> str:
        for axis in reversed(axes):
            argument = f"{operator}_{axis}({argument})"
        return argument


def matrix_equation(equation: Equation) -> str | None:
    """The equation in matrix notation; None where no matrix form exists."""
    try:
        return f"{equation.name} = {TextWriter().equation_right(equation)}"
    except NoMatrixFormError:
        return None
