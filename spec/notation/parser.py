"""Index notation to its surface tree, by recursive descent.

program    = { axes | assumption | macro | statement } separated by line ends or ';'
axes       = 'axes' axis { ',' axis }
axis       = index {',' index} (':' word ['=' number] | '=' number)
assumption = 'assume' expression ('=' | '>' | '<' | '>=' | '<=') expression
macro      = 'def' name '(' reference { ',' reference } ')' '=' expression
statement  = reference '=' expression
expression = ['-'] product { ('+' | '-') product }
product    = power { ('*' | '/') power }
power      = atom [ '^' exponent ]
exponent   = ['-'] atom
atom       = number | '(' expression ')' | 'size' '(' index ')' | 'delta' '[' index ',' index ']'
           | operator '[' indices ']' '(' expression ')' | name {"'"} '(' expression ')'
           | 'where' '(' expression ('>' | '<' | '>=' | '<=') expression ',' expression ','
             expression ')' | ('max' | 'min' | name) '(' expression { ',' expression } ')'
           | name [ '[' position { ',' position } ']' ]
position   = index | whole-number combination of indices, such as 2*t + k
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar

from backproof.spec.errors import SpecError, suggestion
from backproof.spec.notation.cursor import Cursor
from backproof.spec.notation.syntax import (
    AssumptionSyntax,
    AxisSyntax,
    BinarySyntax,
    CallSyntax,
    DeltaSyntax,
    IndexName,
    MacroCallSyntax,
    MacroSyntax,
    NegativeSyntax,
    NumberSyntax,
    PositionSyntax,
    ProgramSyntax,
    ReductionSyntax,
    ReferenceSyntax,
    SizeSyntax,
    StatementSyntax,
    Syntax,
    WhereSyntax,
)
from backproof.spec.notation.tokens import Kind, Token, tokenize
from backproof.spec.source import Source, Span

T = TypeVar("T")

REDUCTIONS = ("sum", "mean", "prod", "max", "min", "softmax", "hardmax", "logsumexp")
# Those that run along one index, and stand at a position of it.
AT_INDEX = ("softmax", "hardmax")
RESERVED = (*REDUCTIONS, "size", "delta", "where", "axes", "assume", "def")
COMPARISONS = (">", "<", ">=", "<=")


def parse_program(source: Source) -> ProgramSyntax:
    """Read a program.

    Raises:
        SpecError: with line, column and caret, when the text is not in index notation.
    """
    return _Parser(source).program()


def parse_claim(source: Source) -> tuple[Syntax, Syntax]:
    """Read ``LEFT = RIGHT`` in index notation."""
    parser = _Parser(source)
    left = parser.expression()
    parser.expect("=", "between the two sides of a claim")
    right = parser.expression()
    parser.skip_lines()
    parser.expect_end()
    return left, right


class _Parser(Cursor):
    def __init__(self, source: Source) -> None:
        super().__init__(source, tokenize(source))

    def listed(self, read: Callable[[], T]) -> list[T]:
        """One or more of what ``read`` reads, separated by commas."""
        found = [read()]
        while self.found(","):
            self.advance()
            found.append(read())
        return found

    # -- program

    def program(self) -> ProgramSyntax:
        axes: list[AxisSyntax] = []
        statements: list[StatementSyntax] = []
        assumptions: list[AssumptionSyntax] = []
        macros: list[MacroSyntax] = []
        self.skip_lines()
        while self.token.kind is not Kind.END:
            following = self.tokens[self.at + 1]
            word = self.token.text if self.token.kind is Kind.NAME else ""
            if word == "axes" and following.kind is Kind.NAME:
                axes += self.axes()
            elif word == "assume" and following.text != "=":
                assumptions.append(self.assumption())
            elif word == "def" and following.kind is Kind.NAME:
                macros.append(self.macro())
            else:
                statements.append(self.statement())
            if self.token.kind not in (Kind.LINE, Kind.END):
                raise self.unexpected("an operator or the end of the line")
            self.skip_lines()
        if not statements:
            empty = not (axes or assumptions or macros)
            raise SpecError(
                "no statement found" + (": the text is empty" if empty else ""),
                self.source,
                Span(0, 0),
                help="write one such as  Z[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]",
            )
        return ProgramSyntax(tuple(axes), tuple(statements), tuple(assumptions), tuple(macros))

    def axes(self) -> list[AxisSyntax]:
        self.advance()
        found = []
        while True:
            start = self.token.span
            indices = [self.index()]
            while self.found(","):
                self.advance()
                indices.append(self.index())
            role = ""
            if not self.found("="):
                self.expect(":", "and then what the axis is, such as 'n: samples'")
                if self.token.kind is not Kind.NAME:
                    raise self.unexpected("a word for the axis, such as 'samples'")
                role = self.advance().text
            length = None
            if self.found("="):
                self.advance()
                length = self.whole("the size of the axis, a whole number such as 3")
                if length < 1:
                    raise SpecError("an axis has at least one entry", self.source, self.last)
            span = start.through(self.last)
            found.append(AxisSyntax(tuple(indices), role, span, length))
            if not self.found(","):
                return found
            self.advance()

    def assumption(self) -> AssumptionSyntax:
        start = self.advance().span
        left = self.expression()
        if not self.found("=", *COMPARISONS):
            raise self.unexpected("'=' in an assumption, such as 'assume sum[o](Y[n,o]) = 1'")
        relation = self.advance().text
        right = self.expression()
        if relation in ("<", "<="):
            left, right, relation = right, left, relation.replace("<", ">")
        return AssumptionSyntax(left, right, start.through(self.last), relation)

    def macro(self) -> MacroSyntax:
        start = self.advance().span
        name = self.advance()
        if name.text in RESERVED:
            raise SpecError(
                f"'{name.text}' is a word of the notation and cannot name a macro",
                self.source,
                name.span,
            )
        self.expect("(", f"after {name.text}, with the parameters")
        parameters = self.listed(self.reference)
        self.expect(")", "or ',' after a parameter")
        self.expect("=", "and then what the macro stands for")
        body = self.expression()
        span = start.through(self.last)
        return MacroSyntax(name.text, tuple(parameters), body, span, name.span)

    def reference(self) -> ReferenceSyntax:
        if self.token.kind is not Kind.NAME:
            raise self.unexpected("a parameter, such as x or X[n,i]")
        name = self.advance()
        if not self.found("["):
            return ReferenceSyntax(name.text, None, name.span)
        indices, closing = self.indices()
        return ReferenceSyntax(name.text, indices, name.span.through(closing.span))

    def whole(self, what: str) -> int:
        if self.token.kind is not Kind.NUMBER or not self.token.text.isdigit():
            raise self.unexpected(what)
        return int(self.advance().text)

    def statement(self) -> StatementSyntax:
        if self.token.kind is not Kind.NAME:
            raise self.unexpected("a statement, such as 'A[n,o] = g(Z[n,o])'")
        name = self.advance()
        if name.text in RESERVED:
            raise SpecError(
                f"'{name.text}' is a word of the notation and cannot name a tensor",
                self.source,
                name.span,
            )
        indices: tuple[IndexName, ...] | None = None
        span = name.span
        if self.found("["):
            indices, closing = self.indices()
            span = span.through(closing.span)
        if not self.found("="):
            raise self.unexpected(
                f"'=' after {name.text}{'' if indices is None else '[...]'}",
                "a statement defines one tensor, entry by entry: A[n,o] = g(Z[n,o])",
            )
        self.advance()
        value = self.expression()
        return StatementSyntax(
            ReferenceSyntax(name.text, indices, span), value, span.through(self.last)
        )

    # -- indices

    def index(self) -> IndexName:
        if self.token.kind is not Kind.NAME:
            raise self.unexpected("an index, such as 'n'")
        token = self.advance()
        return IndexName(token.text, token.span)

    def indices(self) -> tuple[tuple[IndexName, ...], Token]:
        self.expect("[", "before indices")
        found = self.listed(self.index)
        closing = self.expect("]", "or ',' after an index")
        return tuple(found), closing

    def positions(self) -> tuple[tuple[IndexName | PositionSyntax, ...], Token]:
        self.expect("[", "before indices")
        found = self.listed(self.position)
        closing = self.expect("]", "or ',' after an index")
        return tuple(found), closing

    def position(self) -> IndexName | PositionSyntax:
        if self.token.kind is Kind.NAME and self.tokens[self.at + 1].text in (",", "]"):
            return self.index()
        if self.token.kind is Kind.NUMBER and self.tokens[self.at + 1].text in (",", "]"):
            raise self.unexpected("an index, such as 'n'")
        start = self.token.span
        parts: list[tuple[IndexName, int]] = []
        offset = 0
        sign = -1 if self.found("-") else 1
        if self.found("-", "+"):
            self.advance()
        while True:
            if self.token.kind is Kind.NUMBER:
                factor = self.whole("a whole number")
                if self.found("*"):
                    self.advance()
                    parts.append((self.index(), sign * factor))
                else:
                    offset += sign * factor
            else:
                index, factor = self.index(), 1
                if self.found("*"):
                    self.advance()
                    factor = self.whole("a whole number after '*' in a position, as in t*2 + k")
                parts.append((index, sign * factor))
            if not self.found("+", "-"):
                return PositionSyntax(tuple(parts), offset, start.through(self.last))
            sign = -1 if self.advance().text == "-" else 1

    # -- expressions; chains are loops, so that a long sum needs no deep stack

    def expression(self) -> Syntax:
        negative = self.advance() if self.found("-", "+") else None
        left = self.product()
        if negative is not None and negative.text == "-":
            left = NegativeSyntax(left, negative.span.through(left.span))
        while self.found("+", "-"):
            operator = self.advance()
            right = self.product()
            left = BinarySyntax(operator.text, left, right, left.span.through(right.span))
        return left

    def product(self) -> Syntax:
        left = self.power()
        while True:
            if self.found("*", "/", "·", "×"):
                operator = "/" if self.advance().text == "/" else "*"
                right = self.power()
                left = BinarySyntax(operator, left, right, left.span.through(right.span))
            elif self.token.kind in (Kind.NAME, Kind.NUMBER) or self.found("(", "@", "⊙"):
                raise self.unexpected(
                    "an operator such as '*'",
                    "in index notation each product is written with '*'",
                )
            else:
                return left

    def power(self) -> Syntax:
        base = self.atom()
        if not self.found("^"):
            return base
        self.advance()
        negative = self.minus()
        exponent = self.atom()
        if negative is not None:
            exponent = NegativeSyntax(exponent, negative.span.through(exponent.span))
        if self.found("^"):
            raise self.unexpected("an operator other than '^'", "write (a^b)^c or a^(b*c)")
        return BinarySyntax("^", base, exponent, base.span.through(exponent.span))

    def minus(self) -> Token | None:
        """The first of the minus signs that stand here, if their number is odd; a loop likewise."""
        first, count = self.token, 0
        while self.found("-"):
            self.advance()
            count += 1
        return first if count % 2 else None

    def atom(self) -> Syntax:
        token = self.token
        if token.kind is Kind.NUMBER:
            self.advance()
            return NumberSyntax(Fraction(token.text), token.span)
        if self.found("("):
            self.advance()
            inner = self.expression()
            self.expect(")", "or an operator")
            return inner
        if self.found("-"):
            negative = self.minus()
            operand = self.power()
            if negative is None:
                return operand
            return NegativeSyntax(operand, token.span.through(operand.span))
        if token.kind is not Kind.NAME:
            raise self.unexpected("a tensor, a number, a function or '('")
        return self.named()

    def named(self) -> Syntax:
        name = self.advance()
        if name.text == "size":
            self.expect("(", "after size, as in size(n)")
            index = self.index()
            closing = self.expect(")", "after the index")
            return SizeSyntax(index, name.span.through(closing.span))
        if name.text == "where" and self.found("("):
            return self.where(name)
        if name.text in ("max", "min") and self.found("("):
            return self.extreme(name)
        if name.text == "delta":
            indices, closing = self.positions()
            if len(indices) != 2:
                raise SpecError(
                    f"delta takes two indices, found {len(indices)}",
                    self.source,
                    name.span.through(closing.span),
                )
            left, right = indices
            if isinstance(left, PositionSyntax):
                left, right = right, left
            if isinstance(left, PositionSyntax):
                raise SpecError(
                    "one index of a delta stands alone, as in delta[s,t+k]",
                    self.source,
                    left.span,
                )
            return DeltaSyntax(left, right, name.span.through(closing.span))
        if name.text in REDUCTIONS:
            return self.reduction(name)
        primes = 0
        while self.found("'"):
            self.advance()
            primes += 1
        if self.found("("):
            self.advance()
            arguments = [self.expression()] if primes else self.listed(self.expression)
            closing = self.expect(")", "or an operator")
            span = name.span.through(closing.span)
            if len(arguments) > 1:
                return MacroCallSyntax(name.text, tuple(arguments), span, name.span)
            return CallSyntax(name.text, primes, arguments[0], span, name.span)
        if primes:
            raise self.unexpected(
                f"'(' after {name.text}{primes * chr(39)}",
                "a prime marks the derivative of a function: g'(Z[n,o])",
            )
        if not self.found("["):
            return ReferenceSyntax(name.text, None, name.span)
        indices, closing = self.positions()
        if self.found("("):
            hint = suggestion(name.text, REDUCTIONS)
            raise SpecError(
                f"unknown operator '{name.text}'",
                self.source,
                name.span,
                label=f"operators along an axis are {', '.join(REDUCTIONS)}",
                help=hint,
            )
        return ReferenceSyntax(name.text, indices, name.span.through(closing.span))

    def where(self, name: Token) -> Syntax:
        self.advance()
        left = self.expression()
        if not self.found(*COMPARISONS):
            raise self.unexpected(
                "a comparison: one of " + " ".join(COMPARISONS),
                "a condition compares two numbers: where(Z[n,o] > 0, Z[n,o], 0)",
            )
        operator = self.advance().text
        right = self.expression()
        self.expect(",", "and then the value where the condition is true")
        above = self.expression()
        self.expect(",", "and then the value where the condition is false")
        below = self.expression()
        closing = self.expect(")", "or an operator")
        if operator in ("<", "<="):
            left, right = right, left
        kept = ">" if operator in (">", "<") else ">="
        return WhereSyntax(kept, left, right, above, below, name.span.through(closing.span))

    def extreme(self, name: Token) -> Syntax:
        self.advance()
        found = self.expression()
        if not self.found(","):
            raise self.unexpected(
                "',' and another argument",
                f"along an axis, write {name.text}[o](...)",
            )
        while self.found(","):
            self.advance()
            other = self.expression()
            span = name.span.through(self.last)
            first, second = (found, other) if name.text == "max" else (other, found)
            found = WhereSyntax(">", first, second, found, other, span)
        self.expect(")", "or ',' and another argument")
        return found

    def reduction(self, name: Token) -> Syntax:
        if not self.found("["):
            raise self.unexpected(
                f"'[' after {name.text}, with the index that it binds",
                f"write {name.text}[n](...) to say over which index",
            )
        indices, _ = self.indices()
        if name.text in (*AT_INDEX, "logsumexp") and len(indices) != 1:
            raise SpecError(
                f"{name.text} runs along one index, found {len(indices)}", self.source, name.span
            )
        self.expect("(", f"after {name.text}[...]")
        body = self.expression()
        closing = self.expect(")", "or an operator")
        return ReductionSyntax(name.text, indices, body, name.span.through(closing.span))
