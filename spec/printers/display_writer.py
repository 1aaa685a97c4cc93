"""Typeset equations: the matrix form where there is one, else the index form; LaTeX and MathML."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import singledispatchmethod
from typing import TYPE_CHECKING

from backproof.spec.deriving.derive import gradient_name
from backproof.spec.printers.index import compared, placed_entry
from backproof.spec.printers.matrix_writer import (
    ATOM,
    POWER,
    PRODUCT,
    SUM,
    MatrixWriter,
    NoMatrixFormError,
    Piece,
)
from backproof.spec.program import Program
from backproof.spec.terms import (
    Add,
    Apply,
    Binder,
    Constant,
    Delta,
    Entry,
    Hardmax,
    Index,
    LogSumExp,
    Match,
    Max,
    Mul,
    Number,
    Partial,
    Power,
    Product,
    Size,
    Softmax,
    Sum,
    Term,
    Where,
    mul,
    power,
)

if TYPE_CHECKING:
    from backproof.spec.layer import Equation


@dataclass(frozen=True, slots=True)
class Label:
    """A name taken apart: ``dA{l-1}`` is the gradient of A with the layer l-1.

    Attributes:
        stem: the letters.
        gradient: whether it is the gradient of what the rest names.
        layer: the number of a layer, or an expression for it; empty where there is none.
        subscript: a number that is no layer.
    """

    stem: str
    gradient: bool = False
    layer: str = ""
    subscript: str = ""


def label(name: str, program: Program | None) -> Label:
    """Take a name apart.

    A number at its end counts a layer where the program has the same letters with another number
    (W1 and W2), else it is a subscript (x1).
    """
    tensors = program.tensors if program is not None else {}
    if name not in tensors:
        for tensor in tensors:
            if name == gradient_name(tensor):
                inner = label(tensor, program)
                return Label(inner.stem, True, inner.layer, inner.subscript)
    script = re.fullmatch(r"(.+?)\{(.+)\}", name)
    if script:
        return Label(script[1], layer=script[2])
    numbered = re.fullmatch(r"(.*\D)(\d+)", name)
    if not numbered:
        return Label(name)
    family = (re.fullmatch(rf"{re.escape(numbered[1])}(\d+)", other) for other in tensors)
    if any(other and other[0] != name for other in family):
        return Label(numbered[1], layer=numbered[2])
    return Label(numbered[1], subscript=numbered[2])


class DisplayWriter(MatrixWriter):
    """Writes equations to be typeset.

    Args:
        program: whose names tell layers from subscripts; None where there is none.
    """

    def __init__(self, program: Program | None = None) -> None:
        self.program = program

    @abstractmethod
    def equals(self, left: str, right: str) -> str:
        """An equation."""

    @abstractmethod
    def entry(self, tensor: str, indices: Sequence[str]) -> str:
        """An entry of a tensor."""

    @abstractmethod
    def position(self, parts: Sequence[tuple[int, str]], offset: int) -> str:
        """An affine position: indices, each with its factor, and an offset."""

    @abstractmethod
    def index(self, name: str) -> str:
        """An index."""

    @abstractmethod
    def kronecker(self, left: str, right: str) -> str:
        """Kronecker's delta."""

    @abstractmethod
    def derivative(self, of: str, by: str) -> str:
        """The partial derivative of one entry by another."""

    @abstractmethod
    def fraction(self, above: str, below: str) -> str:
        """A fraction."""

    @abstractmethod
    def factors(self, texts: Sequence[str]) -> str:
        """A product of numbers."""

    @abstractmethod
    def reduced_over(self, operator: str, indices: Sequence[str], body: str) -> str:
        """``sum``, ``prod`` or ``max`` over indices."""

    @abstractmethod
    def largest_at(self, at: str, index: str, body: str) -> str:
        """1 where the body, as a function of the index, is largest, at a position; else 0."""

    @abstractmethod
    def indicator(self, condition: str) -> str:
        """1 where a condition is true, else 0."""

    @abstractmethod
    def cases(self, condition: str, above: str, below: str) -> str:
        """One text where the condition is true, else the other."""

    # ------------------------------------------------------------ equations

    def equation(self, equation: Equation) -> str:
        """The equation in the form of matrices, or by entries where there is none."""
        try:
            return self.equals(self.name(equation.name), self.equation_right(equation))
        except NoMatrixFormError:
            return self.index_equation(equation.target, equation.value)

    def index_equation(self, left: Term, right: Term) -> str:
        """``left = right``, by entries."""
        return self.equals(self.index_term(left), self.index_term(right))

    def index_term(self, term: Term) -> str:
        """A term, by entries."""
        return self.signed(self.write(term))

    # ------------------------------------------------------------ terms

    def _held(self, term: Term, level: int) -> str:
        return self.held(self.write(term), level)

    @singledispatchmethod
    def write(self, term: Term) -> Piece:
        """A term by entries."""
        raise TypeError(f"{type(term).__name__} has no display rule: a bug in backproof")

    @write.register
    def _(self, term: Entry) -> Piece:
        return Piece(self.entry(term.tensor, self._indices(term.indices)), ATOM)

    @write.register(Number)
    @write.register(Constant)
    @write.register(Size)
    def _(self, term: Number | Constant | Size) -> Piece:
        return self.scalar(term)

    @write.register
    def _(self, term: Delta) -> Piece:
        left, right = self._indices((term.left, term.right))
        return Piece(self.kronecker(left, right), ATOM)

    @write.register
    def _(self, term: Match) -> Piece:
        return Piece(self.kronecker(self.index(term.left.name), self._position(term)), ATOM)

    @write.register
    def _(self, term: Partial) -> Piece:
        return Piece(self.derivative(self.index_term(term.of), self.index_term(term.by)), ATOM)

    @write.register
    def _(self, term: Add) -> Piece:
        pieces = map(self.write, term.terms)
        return Piece(self.summed([(p.minus, p.text) for p in pieces]), SUM)

    @write.register
    def _(self, term: Mul) -> Piece:
        minus, above, below = self._coefficient(mul(*(f for f in term.factors if _known(f))))
        for factor in term.factors:
            if isinstance(factor, Power) and factor.exponent < 0:
                below.append(self.write(power(factor.base, -factor.exponent)))
            elif not _known(factor):
                above.append(self.write(factor))
        return self._fraction(minus, above, below)

    @write.register
    def _(self, term: Power) -> Piece:
        if term.exponent < 0:
            return self._fraction(False, [], [self.write(power(term.base, -term.exponent))])
        return self._power(self.write(term.base), term.exponent, entrywise=False)

    @write.register
    def _(self, term: Sum) -> Piece:
        placed = placed_entry(term)
        if placed is None:
            return self._over("sum", term)
        over, only, matches = placed
        shown = (
            self._position(matches[i]) if i in matches else self.index(i.name) for i in only.indices
        )
        body = self.entry(only.tensor, list(shown))
        if not over:
            return Piece(body, ATOM)
        return Piece(self.reduced_over("sum", self._indices(over), body), PRODUCT)

    @write.register
    def _(self, term: Product) -> Piece:
        return self._over("prod", term)

    @write.register
    def _(self, term: Max) -> Piece:
        return self._over("max", term)

    def _over(self, operator: str, term: Binder) -> Piece:
        # A sum reaches to the end of a product; as a factor before others it needs brackets.
        body = self._held(term.body, PRODUCT)
        return Piece(self.reduced_over(operator, self._indices(term.bound), body), PRODUCT)

    @write.register
    def _(self, term: Hardmax) -> Piece:
        at, index = self._indices((term.at, term.index))
        return Piece(self.largest_at(at, index, self._held(term.body, PRODUCT)), ATOM)

    @write.register
    def _(self, term: Where) -> Piece:
        left, right = compared(term.test)
        condition = self.greater(self.index_term(left), self.index_term(right))
        return self.chosen(condition, self.index_term(term.above), self.index_term(term.below))

    def chosen(self, condition: str, above: str, below: str) -> Piece:
        if (above, below) == (self.integer(1), self.integer(0)):
            return Piece(self.indicator(condition), ATOM)
        # Cases reach to the end of a product; as a factor they need brackets.
        return Piece(self.cases(condition, above, below), SUM)

    @write.register
    def _(self, term: Apply) -> Piece:
        return Piece(self.called(term.function, term.order, self.index_term(term.argument)), ATOM)

    @write.register
    def _(self, term: Softmax) -> Piece:
        return Piece(self.along("softmax", [term.index.name], self.index_term(term.body)), ATOM)

    @write.register
    def _(self, term: LogSumExp) -> Piece:
        return Piece(self.along("logsumexp", [term.index.name], self.index_term(term.body)), ATOM)

    def _indices(self, indices: Iterable[Index]) -> list[str]:
        return [self.index(i.name) for i in indices]

    def _position(self, term: Match) -> str:
        return self.position([(f, self.index(i.name)) for i, f in term.parts], term.offset)

    def _fraction(self, minus: bool, above: Sequence[Piece], below: Sequence[Piece]) -> Piece:
        if not below:
            last = len(above) - 1
            held = [self.held(p, PRODUCT if k == last else POWER) for k, p in enumerate(above)]
            return Piece(self.factors(held), PRODUCT, minus)
        texts = [
            self.factors([self.held(p, SUM if len(pieces) == 1 else POWER) for p in pieces])
            if pieces
            else self.integer(1)
            for pieces in (above, below)
        ]
        return Piece(self.fraction(*texts), PRODUCT, minus)


def _known(term: Term) -> bool:
    return isinstance(term, Number)
