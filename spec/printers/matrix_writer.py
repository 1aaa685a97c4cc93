"""Writing an arranged tree in a notation of matrices; a subclass says how each piece looks.

What binds how tightly, where brackets stand, which factor is transposed and when no matrix form
exists is decided here, once for all such notations.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from backproof.spec.printers import arrangement as tree
from backproof.spec.terms import (
    Add,
    Apply,
    Constant,
    Index,
    Mul,
    Number,
    Power,
    Size,
    Term,
    power,
)

if TYPE_CHECKING:
    from backproof.spec.layer import Equation

# How tightly a piece holds together; an operand that holds less tightly needs brackets.
SUM, ENTRYWISE, PRODUCT, POWER, ATOM = range(5)


_NO_MATRIX = (
    tree.Contracted,
    tree.Identity,
    tree.OneHot,
    tree.Scattered,
    tree.Spread,
    tree.Taken,
)


class NoMatrixFormError(ValueError):
    """A term that no expression of matrices, vectors and named axes gives."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A written expression.

    Attributes:
        text: without its sign.
        level: how tightly the text holds together.
        minus: whether it is to be negated.
        transposes: how many transposes it shows.
    """

    text: str
    level: int
    minus: bool = False
    transposes: int = 0


@dataclass(frozen=True, slots=True)
class Quotient:
    """The parts of a product: scalars and arrays above the line, arrays and scalars below it."""

    scalars: tuple[str, ...]
    arrays: tuple[str, ...]
    divisors: tuple[str, ...]
    scalar_divisors: tuple[str, ...]


class MatrixWriter(ABC):
    """Writes trees. The abstract methods get finished, bracketed texts."""

    @abstractmethod
    def name(self, tensor: str) -> str:
        """A tensor's name."""

    @abstractmethod
    def integer(self, value: int) -> str:
        """A whole number, not negative."""

    @abstractmethod
    def constant(self, name: str) -> str:
        """A named constant."""

    @abstractmethod
    def size(self, axis: str) -> str:
        """The size of an axis."""

    @abstractmethod
    def bracketed(self, text: str) -> str:
        """A text in brackets."""

    @abstractmethod
    def transposed(self, text: str) -> str:
        """The transpose of a name or a bracketed text."""

    def juxtaposed(self, texts: Sequence[str]) -> str:
        """A matrix product."""
        return " ".join(texts)

    @abstractmethod
    def quotient(self, parts: Quotient) -> str:
        """A product entry by entry, with what it is divided by."""

    def summed(self, parts: Sequence[tuple[bool, str]]) -> str:
        """A sum; each part says whether it is subtracted."""
        (minus, text), *rest = parts
        written = f"-{text}" if minus else text
        for minus, text in rest:
            written += f" {'-' if minus else '+'} {text}"
        return written

    @abstractmethod
    def raised(self, text: str, exponent: Fraction, *, entrywise: bool) -> str:
        """A positive power."""

    @abstractmethod
    def called(self, function: str, order: int, argument: str) -> str:
        """A function, or its derivative, of an argument that has no brackets yet."""

    @abstractmethod
    def along(self, operator: str, axes: Sequence[str], argument: str) -> str:
        """``sum``, ``softmax``, ``hardmax``, ``logsumexp``, ``max`` or ``prod`` along axes."""

    @abstractmethod
    def called_with(self, function: str, arguments: Sequence[str]) -> str:
        """``max`` or ``min`` of several arguments."""

    def greater(self, left: str, right: str) -> str:
        """The condition that the left side is greater than the right one."""
        return f"{left} > {right}"

    @abstractmethod
    def chosen(self, condition: str, above: str, below: str) -> Piece:
        """One text where the condition is true, else the other."""

    # ------------------------------------------------------------ whole equations

    def equation_right(self, equation: Equation) -> str:
        """The right side of an equation.

        Raises:
            NoMatrixFormError: there is none.
        """
        wanted = equation.target.indices
        if len(wanted) > 2:
            raise NoMatrixFormError("more than two dimensions")
        node = tree.arranged(equation.value, wanted)
        if 0 < len(node.indices) < len(wanted):
            raise NoMatrixFormError("the right side lacks an axis of the left side")
        return self.signed(self.piece(node, wanted if node.indices else ()))

    def signed(self, piece: Piece) -> str:
        """The text with its sign."""
        if not piece.minus:
            return piece.text
        text = piece.text if piece.level > SUM else self.bracketed(piece.text)
        return self.summed([(True, text)])

    def held(self, piece: Piece, level: int) -> str:
        """The text, in brackets if it holds less tightly than the level asks."""
        text = self.signed(piece)
        return self.bracketed(text) if piece.minus or piece.level < level else text

    # ------------------------------------------------------------ nodes

    def piece(self, node: tree.Node, wanted: tuple[Index, ...]) -> Piece:
        """A node with its dimensions in the wanted order.

        Raises:
            NoMatrixFormError: there is no such expression.
        """
        if isinstance(node, _NO_MATRIX):
            raise NoMatrixFormError(f"{type(node).__name__} has no form in matrices")
        if len(wanted) > 2:
            raise NoMatrixFormError("more than two dimensions")
        if isinstance(node, tree.Leaf):
            if node.indices == wanted:
                return Piece(self.name(node.name), ATOM)
            return self._transpose(Piece(self.name(node.name), ATOM), wanted)
        if isinstance(node, tree.Value):
            return self.scalar(node.term)
        if isinstance(node, tree.Chain):
            return self._chain(node, wanted)
        if isinstance(node, tree.Outer):
            left, right = (
                (node.left, node.right)
                if node.indices == wanted
                else (
                    node.right,
                    node.left,
                )
            )
            return self._product_of(
                [self.piece(left, left.indices), self._row(self.piece(right, right.indices))]
            )
        inside = self._inside(node, wanted)
        native = node.indices
        if native == wanted or len(wanted) != 2:
            return inside
        outside = self._transpose(self._inside(node, native), wanted)
        early = isinstance(node, (tree.Called, tree.Along, tree.Raised))
        better = outside.transposes < inside.transposes
        return outside if better or (early and outside.transposes == inside.transposes) else inside

    def _inside(self, node: tree.Node, wanted: tuple[Index, ...]) -> Piece:
        if isinstance(node, (tree.Entrywise, tree.Scaled)):
            return self._quotient(node, wanted)
        if isinstance(node, tree.Plus):
            return self._plus(node, wanted)
        if isinstance(node, tree.Raised):
            if node.exponent < 0:
                return self._quotient(node, wanted)
            return self._power(self.piece(node.argument, wanted), node.exponent, bool(wanted))
        if isinstance(node, tree.Called):
            inner = self.piece(node.argument, wanted)
            text = self.called(node.function, node.order, self.signed(inner))
            return Piece(text, ATOM, transposes=inner.transposes)
        if isinstance(node, tree.Along):
            inner = self.piece(node.argument, wanted)
            axis = _axis_of(node.index, node.indices)
            text = self.along(node.operator, [axis], self.signed(inner))
            return Piece(text, ATOM, transposes=inner.transposes)
        if isinstance(node, (tree.Reduced, tree.Over)):
            return self._reduced(node, wanted)
        if isinstance(node, tree.Extreme):
            return self._extreme(node, wanted)
        if isinstance(node, tree.Chosen):
            return self._chosen(node, wanted)
        raise TypeError(f"{type(node).__name__} has no rule in matrix notation: a bug in backproof")

    def _extreme(self, node: tree.Extreme, wanted: tuple[Index, ...]) -> Piece:
        pieces = [self._alike(part, wanted) for part in (node.first, node.second)]
        text = self.called_with(node.operator, [self.signed(p) for p in pieces])
        return Piece(text, ATOM, transposes=sum(p.transposes for p in pieces))

    def _chosen(self, node: tree.Chosen, wanted: tuple[Index, ...]) -> Piece:
        parts = (node.left, node.right, node.above, node.below)
        pieces = [self._alike(part, wanted) for part in parts]
        left, right, above, below = map(self.signed, pieces)
        chosen = self.chosen(self.greater(left, right), above, below)
        return replace(chosen, transposes=sum(p.transposes for p in pieces))

    def _alike(self, node: tree.Node, wanted: tuple[Index, ...]) -> Piece:
        """An operand of the same shape as the others, or a number."""
        if node.indices and set(node.indices) != set(wanted):
            raise NoMatrixFormError("the operands of a condition have different shapes")
        return self.piece(node, wanted if node.indices else ())

    def _reduced(self, node: tree.Reduced | tree.Over, wanted: tuple[Index, ...]) -> Piece:
        body = node.body if isinstance(node, tree.Reduced) else node.argument
        over = node.over if isinstance(node, tree.Reduced) else (node.index,)
        order = (
            body.indices
            if node.indices == wanted
            else (*wanted, *(i for i in body.indices if i not in wanted))
        )
        inner = self.piece(body, order)
        operator = "sum" if isinstance(node, tree.Reduced) else node.operator
        axes = [_axis_of(i, body.indices) for i in over]
        text = self.along(operator, axes, self.signed(inner))
        return Piece(text, ATOM, transposes=inner.transposes)

    def _plus(self, node: tree.Plus, wanted: tuple[Index, ...]) -> Piece:
        if wanted and not any(set(p.indices) == set(wanted) for p in node.parts):
            raise NoMatrixFormError("no part of a sum has all of its axes")
        pieces = [self._aligned(part, wanted) for part in _readable(node.parts)]
        texts = [
            (p.minus, p.text if p.level > SUM or not p.minus else self.bracketed(p.text))
            for p in pieces
        ]
        return Piece(self.summed(texts), SUM, transposes=sum(p.transposes for p in pieces))

    def _aligned(self, node: tree.Node, wanted: tuple[Index, ...]) -> Piece:
        """An operand that may lack some of the wanted indices: then axes say where it goes."""
        order = tuple(i for i in wanted if i in node.indices)
        if 0 < len(order) < len(wanted):
            _distinct_axes(wanted)
        return self.piece(node, order)

    def _chain(self, node: tree.Chain, wanted: tuple[Index, ...]) -> Piece:
        turned = node.path[-1] is not None if len(wanted) == 1 else node.indices != wanted
        chain = node.reversed() if turned and wanted else node
        pieces = []
        for k, factor in enumerate(chain.factors):
            piece = self.piece(factor, chain.pair(k))
            pieces.append(self._row(piece) if k == 0 and chain.path[0] is None else piece)
        return self._product_of(pieces)

    def _product_of(self, pieces: Sequence[Piece]) -> Piece:
        text = self.juxtaposed([self.held(p, POWER) for p in pieces])
        return Piece(text, PRODUCT, transposes=sum(p.transposes for p in pieces))

    def _row(self, piece: Piece) -> Piece:
        text = self.transposed(self.held(piece, ATOM))
        return Piece(text, POWER, transposes=piece.transposes + 1)

    def _transpose(self, piece: Piece, wanted: tuple[Index, ...]) -> Piece:
        assert len(wanted) == 2
        return self._row(piece)

    def _power(self, base: Piece, exponent: Fraction, entrywise: bool) -> Piece:
        if exponent == 1:
            return base
        text = self.raised(self.held(base, ATOM), exponent, entrywise=entrywise)
        return Piece(text, POWER, transposes=base.transposes)

    def _quotient(self, node: tree.Node, wanted: tuple[Index, ...]) -> Piece:
        minus = False
        above: list[Piece] = []
        below: list[Piece] = []
        if isinstance(node, tree.Scaled):
            minus, above, below = self._coefficient(node.coefficient)
            node = node.body
        factors = node.factors if isinstance(node, tree.Entrywise) else (node,)
        divides = [isinstance(f, tree.Raised) and f.exponent < 0 for f in factors]
        ordered = _readable([f for f, d in zip(factors, divides, strict=True) if not d])
        divided = _readable([f for f, d in zip(factors, divides, strict=True) if d])
        factors = _readable((*ordered, *divided), movable=len(ordered))
        arrays: list[Piece] = []
        divisors: list[Piece] = []
        for factor in factors:
            if isinstance(factor, tree.Raised) and factor.exponent < 0:
                base = self._aligned(factor.argument, wanted)
                divisor = self._power(base, -factor.exponent, bool(factor.indices))
                (divisors if factor.indices else below).append(divisor)
            else:
                (arrays if factor.indices else above).append(self._aligned(factor, wanted))
        # A lone scalar is not scaled by itself.
        single = len(arrays) == 1 and not divisors and not above and not below
        if single:
            return replace(arrays[0], minus=arrays[0].minus != minus)
        level = PRODUCT if len(arrays) <= 1 and not divisors and not below else ENTRYWISE
        text = self.quotient(
            Quotient(
                tuple(self.held(p, POWER) for p in above),
                tuple(self.held(p, PRODUCT) for p in arrays),
                tuple(self.held(p, POWER) for p in divisors),
                tuple(self.held(p, POWER) for p in below),
            )
        )
        count = sum(p.transposes for p in (*above, *arrays, *divisors, *below))
        return Piece(text, level, minus, count)

    # ------------------------------------------------------------ scalars

    def _coefficient(self, term: Term) -> tuple[bool, list[Piece], list[Piece]]:
        value = Fraction(1)
        above: list[Piece] = []
        below: list[Piece] = []
        for factor in term.factors if isinstance(term, Mul) else (term,):
            if isinstance(factor, Number):
                value *= factor.value
            elif isinstance(factor, Power) and factor.exponent < 0:
                below.append(self.scalar(power(factor.base, -factor.exponent)))
            else:
                above.append(self.scalar(factor))
        if abs(value.numerator) != 1:
            above.insert(0, Piece(self.integer(abs(value.numerator)), ATOM))
        if value.denominator != 1:
            below.insert(0, Piece(self.integer(value.denominator), ATOM))
        return value < 0, above, below

    def scalar(self, term: Term) -> Piece:
        """A term made of numbers, constants and sizes."""
        if isinstance(term, Constant):
            return Piece(self.constant(term.name), ATOM)
        if isinstance(term, Size):
            return Piece(self.size(term.axis), ATOM)
        if isinstance(term, Add):
            pieces = [self.scalar(p) for p in term.terms]
            return Piece(self.summed([(p.minus, p.text) for p in pieces]), SUM)
        if isinstance(term, Power) and term.exponent > 0:
            return self._power(self.scalar(term.base), term.exponent, entrywise=False)
        if isinstance(term, (Number, Mul, Power)):
            minus, above, below = self._coefficient(term)
            if not below and len(above) <= 1:
                return replace(
                    above[0] if above else Piece(self.integer(int(_is_nonzero(term))), ATOM),
                    minus=minus,
                )
            parts = Quotient(
                tuple(self.held(p, POWER) for p in above),
                (),
                (),
                tuple(self.held(p, POWER) for p in below),
            )
            return Piece(self.quotient(parts), ENTRYWISE if below else PRODUCT, minus)
        assert not isinstance(term, Apply)
        raise TypeError(f"{type(term).__name__} is no scalar: a bug in backproof")


def _readable(nodes: Sequence[tree.Node], movable: int | None = None) -> tuple[tree.Node, ...]:
    """The operands in an order in which each fits to what stands before it.

    From left to right, two vectors along different axes do not meet before a matrix has both.

    Args:
        nodes: the operands in the order of their writing.
        movable: how many of them, from the first, may come to the front; all where it is None.
    """
    seen: set[Index] = set()
    for node in nodes:
        own = set(node.indices)
        if seen <= own or own <= seen:
            seen |= own
            continue
        every = {i for n in nodes for i in n.indices}
        for k, first in enumerate(nodes[:movable]):
            if set(first.indices) == every:
                return (first, *nodes[:k], *nodes[k + 1 :])
        if movable is not None:
            raise NoMatrixFormError("vectors along different axes above and below the line")
        break
    return tuple(nodes)


def _is_nonzero(term: Term) -> bool:
    return not (isinstance(term, Number) and term.value == 0)


def _distinct_axes(indices: Sequence[Index]) -> None:
    if len({i.axis for i in indices}) < len(indices):
        raise NoMatrixFormError("an operand lacks an index, and two dimensions share its axis")


def _axis_of(index: Index, indices: Sequence[Index]) -> str:
    if sum(i.axis == index.axis for i in indices) != 1:
        raise NoMatrixFormError("two dimensions share the axis of an operator")
    return index.axis
