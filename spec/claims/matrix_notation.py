"""Matrix notation to terms: ``dW = dZ^T X``, typed by the axes of the tensors.

    equation   = expression '=' expression
    expression = ['-'] hadamard { ('+' | '-') hadamard }
    hadamard   = product { ('⊙' | '*') product | '/' factor { ['@' | '·'] factor } }
    product    = factor { ['@' | '·'] factor }
    factor     = atom { '^T' | '^⊤' | '^{T}' | '.T' | 'ᵀ' | '^' number }
    atom       = number | '(' expression ')' | name | 'size' '(' axis ')'
               | name {"'"} '(' expression ')' | along '(' expression ')'
    along      = ('sum_' | 'mean_' | 'softmax_' | 'logsumexp_') axis

Where what is given applies one known function, ``g`` is that function.
Juxtaposition, '@' and '·' are the matrix product, and bind tighter than the entrywise '⊙' and '*'.
After a '/' stands one factor: ``1/2 A B`` is half of the product.
A vector is a column; where a sum or an entrywise product needs it, it is repeated along the axis
that it lacks, as b in ``X W^T + b``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from backproof.spec.errors import SpecError, suggestion
from backproof.spec.functions import CONSTANTS, FUNCTIONS
from backproof.spec.notation.cursor import Cursor
from backproof.spec.notation.tokens import Kind, Token, tokenize
from backproof.spec.program import Axis
from backproof.spec.source import Source, Span
from backproof.spec.terms import (
    ZERO,
    Apply,
    Index,
    Number,
    Power,
    Term,
    add,
    apply,
    constant,
    entry,
    fresh,
    indices_in,
    logsumexp,
    mul,
    negative,
    power,
    size,
    softmax,
    substitute,
    total,
    walk,
)
from backproof.spec.terms import number as number_term

# What a claim may call the program's only known activation.
ACTIVATION = "g"
# Whether a vector beside a square matrix stands as a column, repeated along its columns, or a row.
Vectors = Literal["columns", "rows"]
OPERATORS = ("sum", "mean", "softmax", "logsumexp")


# Functions that some numbers have no value under.
PARTIAL = ("log", "sqrt")


def may_lack_a_value(part: Term) -> bool:
    """Whether a term is a logarithm, a root or a power that does not exist everywhere."""
    if isinstance(part, Apply):
        return part.function in PARTIAL
    return isinstance(part, Power) and (part.exponent < 0 or part.exponent.denominator != 1)


@dataclass(frozen=True, slots=True)
class Shaped:
    """A term with its index for rows and its index for columns; a column vector has no latter.

    A vector that was transposed has only a column index; a scalar has neither.
    """

    term: Term
    row: Index | None = None
    column: Index | None = None

    @property
    def indices(self) -> tuple[Index, ...]:
        """The indices there are."""
        return tuple(i for i in (self.row, self.column) if i is not None)

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes there are."""
        return tuple(i.axis for i in self.indices)


class AmbiguousVectorError(SpecError):
    """A vector beside a square matrix, which may be a column as well as a row."""


class ShapeError(SpecError):
    """Operands whose axes do not fit: the statement can hold only where two sizes are equal."""


def check_function(name: str, abstract: Collection[str] | None, source: Source, span: Span) -> None:
    """Refuse a function of which nothing is known and that is not given either.

    Raises:
        SpecError: it is neither known by its name nor one of the abstract ones.
    """
    if abstract is None or name in FUNCTIONS or name in abstract:
        return
    given = f"; given is {', '.join(abstract)}" if abstract else ""
    raise SpecError(
        f"unknown function '{name}'",
        source,
        span,
        help=suggestion(name, [*FUNCTIONS, *abstract])
        or f"known are {', '.join(FUNCTIONS)}{given}",
    )


def the_activation(names: Sequence[str], source: Source, span: Span) -> str | None:
    """What ``g`` means where the statements take functions of these names; None without any.

    Raises:
        SpecError: there are several, or it is none of one argument.
    """
    if len(names) > 1 or "softmax" in names:
        shown = " and ".join(names)
        raise SpecError(
            f"unknown function '{ACTIVATION}': the activation is {shown}",
            source,
            span,
            help="softmax takes a whole row: write it out"
            if names == ["softmax"]
            else "write the one that is meant",
        )
    return names[0] if names else None


# How a transpose is written in LaTeX and elsewhere, beside ^T.
_TRANSPOSES = re.compile(r"\^\s*(?:\{\s*(?:T|⊤|\\top|\\intercal)\s*\}|⊤|\\top\b|\\intercal\b)")


def _tokens(source: Source) -> list[Token]:
    """The tokens, each at its place, with ^T for every way to write a transpose."""
    plain = _TRANSPOSES.sub(
        lambda found: "^T".ljust(len(found.group())), source.text.replace("ᵀ", "⊤")
    )
    try:
        return tokenize(Source(plain, source.name))
    except SpecError as error:
        error.source = source
        raise


def is_matrix_notation(text: str) -> bool:
    """Whether a claim is in matrix notation: no entry is written with brackets."""
    return "[" not in text


class MatrixReader(Cursor):
    """Reads expressions whose tensors have known axes.

    Args:
        axes_of: the axes of a tensor; None for a name that is no tensor.
        axes: the axes by name, for ``sum_n(...)`` and ``size(n)``.
        hint: what to do about a name that is no tensor.
        merge: called where two axes have to be one for an operation to fit; returns whether they
            may be taken for one, else the operation is a ``ShapeError``.
        functions: the abstract functions that there are; None where any name may be one.
        activations: the functions that the statements take, one of which ``g`` may stand for.
        vectors: how a vector beside a square matrix is read; None where that is not to be guessed.

    Attributes:
        lost: what was read, may have no value, and is in no term: 1/x of 0/x.
        notes: how a name was read.
    """

    def __init__(
        self,
        source: Source,
        axes_of: Callable[[str], tuple[str, ...] | None],
        axes: Mapping[str, Axis],
        hint: Callable[[str], str],
        merge: Callable[[str, str], bool],
        functions: Collection[str] | None = None,
        activations: Sequence[str] = (),
        vectors: Vectors | None = None,
    ) -> None:
        super().__init__(source, _tokens(source))
        self.axes_of = axes_of
        self.axes = axes
        self.hint = hint
        self.merge = merge
        self.functions = functions
        self.activations = activations
        self.vectors = vectors
        self.lost: list[Term] = []
        self.notes: list[str] = []
        self.count = 0
        self.powers: list[tuple[str, str, Span]] = []

    # -- grammar

    def equation(self) -> tuple[Shaped, Shaped]:
        """Both sides of a claim."""
        left = self.expression()
        self.expect("=")
        right = self.expression()
        self.skip_lines()
        self.expect_end()
        return left, right

    def check_powers(self, root: Callable[[str], str]) -> None:
        """Refuse a power of a square matrix: some mean it entry by entry, some the product.

        Args:
            root: the axis that stands for all that are one with an axis.

        Raises:
            SpecError: there is one.
        """
        for row, column, span in self.powers:
            if root(row) == root(column):
                raise SpecError(
                    "a power of a square matrix: entry by entry, or a matrix product?",
                    self.source,
                    span,
                    help="write W ⊙ W or W W; 1/W is entry by entry, and there is no inverse",
                )

    def expression(self) -> Shaped:
        start = self.token.span
        sign = self.advance().text if self.found("-", "+") else "+"
        result = self.hadamard()
        if sign == "-":
            result = Shaped(negative(result.term), result.row, result.column)
        # Added up only where the sum itself is needed: one by one would take quadratic time.
        parts = [result.term]
        while self.found("+", "-"):
            operator = self.advance()
            right = self.hadamard()
            span = start.through(self.last)
            if len(right.indices) > len(result.indices):
                result = Shaped(add(*parts), result.row, result.column)
                result, right = self.aligned(result, right, span, "added")
                parts = [result.term]
            else:
                result, right = self.aligned(result, right, span, "added")
            parts.append(negative(right.term) if operator.text == "-" else right.term)
        return Shaped(add(*parts), result.row, result.column)

    def hadamard(self) -> Shaped:
        start = self.token.span
        # What stands before the last '⊙', what comes after it, and what that is divided by.
        before: list[Shaped] = []
        last, divisors = self.product(), list[Shaped]()
        while self.found("⊙", "*", "/"):
            if self.advance().text != "/":
                before = [self.entrywise([*before, last, *divisors], start)]
                last, divisors = self.product(), []
                continue
            divisors.append(self.divisor(start))
            if self.juxtaposed:
                last = self.product(self.entrywise([last, *divisors], start))
                divisors = []
        return self.entrywise([*before, last, *divisors], start)

    def entrywise(self, operands: list[Shaped], start: Span) -> Shaped:
        span = start.through(self.last)
        result = operands[0]
        for operand in operands[1:]:
            left, right = self.aligned(result, operand, span, "multiplied entry by entry")
            result = Shaped(self.times(left.term, right.term), left.row, left.column)
        return result

    def times(self, left: Term, right: Term) -> Term:
        """A product; where it is 0, what may have no value in it is remembered."""
        result = mul(left, right)
        if result is ZERO:
            self.forget(left, right)
        return result

    def forget(self, *terms: Term) -> None:
        """Remember the parts that may have no value of terms that play no role any more."""
        self.lost += [n for t in terms for n in walk(t) if may_lack_a_value(n)]

    def divisor(self, start: Span) -> Shaped:
        below = self.factor()
        if isinstance(below.term, Number) and below.term.value == 0:
            span = start.through(self.last)
            raise SpecError("division by zero", self.source, span)
        return Shaped(power(below.term, -1), below.row, below.column)

    @property
    def juxtaposed(self) -> bool:
        """Whether the next factor of a matrix product stands here."""
        return self.token.kind in (Kind.NAME, Kind.NUMBER) or self.found("(", "@", "·")

    def product(self, first: Shaped | None = None) -> Shaped:
        start = self.token.span
        result = self.factor() if first is None else first
        while self.juxtaposed:
            if self.found("@", "·"):
                self.advance()
            elif self.token.kind is Kind.NUMBER and result.indices:
                raise SpecError(
                    "a number after a matrix",
                    self.source,
                    self.token.span,
                    help="write a factor in front, and a product with ones as sum_n(...)",
                )
            right = self.factor()
            span = start.through(self.last)
            result = self.multiplied(result, right, span)
        return result

    def factor(self) -> Shaped:
        result = self.atom()
        while True:
            if self.found("ᵀ", "⊤", ".T"):
                result = self.transposed(result, self.advance())
            elif self.found("^"):
                self.advance()
                if self.token.kind is Kind.NAME and self.token.text == "T":
                    result = self.transposed(result, self.advance())
                    continue
                start, exponent = self.token.span, self.rational()
                if result.row is not None and result.column is not None and exponent != 1:
                    span = start.through(self.last)
                    self.powers.append((result.row.axis, result.column.axis, span))
                if exponent == 0:
                    self.forget(result.term)
                result = Shaped(power(result.term, exponent), result.row, result.column)
            else:
                return result

    def transposed(self, operand: Shaped, at: Token) -> Shaped:
        # Some write 1 for a vector of ones; read as the number it would make their line wrong.
        if isinstance(operand.term, Number):
            raise SpecError(
                "the transpose of a number",
                self.source,
                at.span,
                help="a sum is written sum_n(...)",
            )
        return Shaped(operand.term, operand.column, operand.row)

    def rational(self) -> Fraction:
        bracket = self.found("(") and bool(self.advance())
        sign = -1 if self.found("-") and self.advance() else 1
        if self.token.kind is not Kind.NUMBER:
            raise self.unexpected("'T' or a number after '^'")
        value = Fraction(self.advance().text)
        if bracket and self.found("/"):
            self.advance()
            if self.token.kind is not Kind.NUMBER or Fraction(self.token.text) == 0:
                raise self.unexpected("a number that is not zero")
            value /= Fraction(self.advance().text)
        if bracket:
            self.expect(")")
        return sign * value

    def atom(self) -> Shaped:
        token = self.token
        if token.kind is Kind.NUMBER:
            self.advance()
            return Shaped(number_term(Fraction(token.text)))
        if self.found("("):
            self.advance()
            inner = self.expression()
            self.expect(")")
            return inner
        if token.kind is not Kind.NAME:
            raise self.unexpected("a tensor, a number, a function or '('")
        self.advance()
        primes = 0
        while self.found("'"):
            self.advance()
            primes += 1
        operator, _, letter = token.text.partition("_")
        if self.found("(") and not primes and operator in OPERATORS and letter:
            return self.along(operator, letter, token)
        if self.found("(") and token.text == "size":
            self.advance()
            axis = self.axis(self.advance())
            self.expect(")")
            return Shaped(size(axis))
        axes = self.axes_of(token.text)
        if axes is None and self.found("("):
            return self.call(token, primes)
        if primes:
            raise SpecError(
                f"a prime after {token.text}, which is no function",
                self.source,
                token.span,
                help="a transpose is written ^T",
            )
        if axes is None and token.text in CONSTANTS:
            return Shaped(constant(token.text))
        if axes is None:
            raise SpecError(
                f"unknown tensor '{token.text}'",
                self.source,
                token.span,
                help=self.hint(token.text),
            )
        if len(axes) > 2:
            raise SpecError(
                f"{token.text} has {len(axes)} axes and no matrix form",
                self.source,
                token.span,
                help="write the claim in index notation",
            )
        indices = tuple(self.new_index(axis) for axis in axes)
        row = indices[0] if indices else None
        column = indices[1] if len(indices) > 1 else None
        return Shaped(entry(token.text, indices), row, column)

    def call(self, token: Token, primes: int) -> Shaped:
        name = token.text
        if name in OPERATORS:
            raise SpecError(
                f"{name} needs an axis",
                self.source,
                token.span,
                help=f"write {name}_n(...) to say along which",
            )
        close = suggestion(name, FUNCTIONS)
        if name not in FUNCTIONS and len(name) > 2 and close:
            raise SpecError(f"unknown function '{name}'", self.source, token.span, help=close)
        if name == ACTIVATION and self.functions is not None and name not in self.functions:
            known = the_activation(self.activations, self.source, token.span)
            if known is not None:
                self.notes = [f"{ACTIVATION} is {known}"]
                name = known
        check_function(name, self.functions, self.source, token.span)
        self.advance()
        inner = self.expression()
        self.expect(")")
        return Shaped(apply(name, inner.term, primes), inner.row, inner.column)

    def along(self, operator: str, letter: str, token: Token) -> Shaped:
        axis = self.axis(Token(Kind.NAME, letter, token.span))
        self.advance()
        inner = self.expression()
        self.expect(")")
        found = [i for i in inner.indices if i.axis == axis]
        if len(found) > 1:
            raise self.ambiguous(
                f"{operator}_{letter} of a matrix that has that axis twice", token.span
            )
        if not found:
            raise ShapeError(
                f"{operator}_{letter}: the argument has no such axis", self.source, token.span
            )
        index = found[0]
        if operator == "softmax":
            return Shaped(softmax(index, inner.term), inner.row, inner.column)
        row = None if inner.row == index else inner.row
        column = None if inner.column == index else inner.column
        if row is None and column is not None:
            row, column = column, None
        if operator == "logsumexp":
            return Shaped(logsumexp(index, inner.term), row, column)
        term = total((index,), inner.term)
        if operator == "mean":
            term = mul(power(size(axis), -1), term)
        return Shaped(term, row, column)

    def ambiguous(self, what: str, span: Span) -> SpecError:
        """Several readings fit: none is taken."""
        return SpecError(
            f"{what} can be read in two ways",
            self.source,
            span,
            help="write the claim in index notation, which says which axis is meant",
        )

    def axis(self, token: Token) -> str:
        for axis in self.axes.values():
            if token.text == axis.name or token.text in axis.letters:
                return axis.name
        letters = [letter for axis in self.axes.values() for letter in axis.letters]
        raise SpecError(
            f"unknown axis '{token.text}'",
            self.source,
            token.span,
            help=suggestion(token.text, letters) or f"known are {', '.join(letters)}",
        )

    # -- shapes

    def new_index(self, axis: str) -> Index:
        self.count += 1
        return Index(f"_{self.count}", axis)

    def unified(self, left: Index, right: Index) -> bool:
        return left.axis == right.axis or self.merge(left.axis, right.axis)

    def multiplied(self, left: Shaped, right: Shaped, span: Span) -> Shaped:
        if not left.indices or not right.indices:
            kept = right if not left.indices else left
            return Shaped(self.times(left.term, right.term), kept.row, kept.column)
        if left.column is None and right.row is None:
            return Shaped(self.times(left.term, right.term), left.row, right.column)
        row, first = left.row, right.row
        if left.column is None and row and first and row.axis == first.axis:
            # As in NumPy, a vector before a matrix stands as a row; a column would not fit.
            bound = fresh(row, indices_in(left.term) | indices_in(right.term))
            base = substitute(left.term, {row: bound})
            moved = substitute(right.term, {first: bound})
            return Shaped(total((bound,), self.times(base, moved)), right.column)
        if left.column is None or right.row is None:
            # A matrix times a row, or a column times a matrix: no product of that kind.
            raise ShapeError(
                f"a matrix product of shapes {_shown(left)} and {_shown(right)}", self.source, span
            )
        if not self.unified(left.column, right.row):
            raise ShapeError(
                f"a matrix product of shapes {_shown(left)} and {_shown(right)}: "
                f"{left.column.axis} and {right.row.axis} are different axes",
                self.source,
                span,
            )
        bound = left.column
        taken = indices_in(left.term) | indices_in(right.term)
        if bound in right.term.free:
            bound = fresh(bound, taken)
        moved = substitute(right.term, {right.row: bound})
        base = substitute(left.term, {left.column: bound})
        return Shaped(total((bound,), self.times(base, moved)), left.row, right.column)

    def aligned(self, left: Shaped, right: Shaped, span: Span, what: str) -> tuple[Shaped, Shaped]:
        """Both operands over the same indices, a vector repeated along the axis that it lacks."""
        if len(right.indices) > len(left.indices):
            right, left = self.aligned(right, left, span, what)
            return left, right
        if not right.indices:
            return left, Shaped(right.term, left.row, left.column)
        change: dict[Index, Index] = {}
        if len(left.indices) == 1 and (left.row is None) != (right.row is None):
            # A column beside a row: each is repeated along the axis that it lacks.
            row, column = left.row or right.row, left.column or right.column
            return Shaped(left.term, row, column), Shaped(right.term, row, column)
        if len(right.indices) == len(left.indices):
            pairs = list(zip(left.indices, right.indices, strict=True))
        else:
            (only,) = right.indices
            fitting = [i for i in left.indices if i.axis == only.axis]
            if len(fitting) > 1:
                fitting = [fitting[self.place_of(right, span)]]
            if not fitting:
                # A column stands along rows, a row (or a bias, repeated) along columns.
                place = left.column if right.row is None or left.column is not None else left.row
                fitting = [place] if place is not None else list(left.indices)
            pairs = [(fitting[-1], only)]
        for mine, theirs in pairs:
            if not self.unified(mine, theirs):
                raise ShapeError(
                    f"shapes {_shown(left)} and {_shown(right)} {what}: "
                    f"{mine.axis} and {theirs.axis} are different axes",
                    self.source,
                    span,
                )
            change[theirs] = mine
        return left, Shaped(substitute(right.term, change), left.row, left.column)

    def place_of(self, vector: Shaped, span: Span) -> int:
        """At which index of a square matrix a vector beside it stands.

        Raises:
            AmbiguousVectorError: it was not transposed, and is not to be taken for a column.
        """
        if vector.row is None or self.vectors == "rows":
            return 1
        if self.vectors == "columns":
            return 0
        raise AmbiguousVectorError("a vector beside a square matrix", self.source, span)


def _shown(shaped: Shaped) -> str:
    if shaped.row is None and shaped.column is not None:
        return f"(1, {shaped.column.axis})"
    return f"({', '.join(shaped.axes)})"
