"""MathML (presentation): the matrix form where there is one, else sums over indices."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from html import escape
from typing import TYPE_CHECKING

from backproof.spec.printers.display_writer import DisplayWriter, label
from backproof.spec.printers.matrix_writer import Quotient

if TYPE_CHECKING:
    from backproof.spec.layer import Equation


def mathml_equation(equation: Equation) -> str:
    """An equation as a ``math`` element that stands on a line of its own."""
    body = MathmlWriter(equation.spec.program).equation(equation)
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">{body}</math>'


class MathmlWriter(DisplayWriter):
    """MathML Core elements; every text is one element."""

    def equals(self, left: str, right: str) -> str:
        return f"{left}{_operator('=')}{right}"

    def name(self, tensor: str) -> str:
        found = label(tensor, self.program)
        text = _identifier(("d" if found.gradient else "") + found.stem)
        if found.layer:
            return _element("msup", text, _text(f"[{found.layer}]"))
        return _element("msub", text, _number(found.subscript)) if found.subscript else text

    def integer(self, value: int) -> str:
        return _number(str(value))

    def constant(self, name: str) -> str:
        return _identifier({"pi": "π"}.get(name, name))

    def size(self, axis: str) -> str:
        return _row(_operator("|"), _index(axis), _operator("|"))

    def bracketed(self, text: str) -> str:
        return _row(_operator("("), text, _operator(")"))

    def transposed(self, text: str) -> str:
        return _element("msup", text, _operator("⊤"))

    def juxtaposed(self, texts: Sequence[str]) -> str:
        return _row(_operator("\u2062").join(texts))

    def factors(self, texts: Sequence[str]) -> str:
        return self.juxtaposed(texts) if len(texts) > 1 else "".join(texts)

    def fraction(self, above: str, below: str) -> str:
        return _element("mfrac", above, below)

    def quotient(self, parts: Quotient) -> str:
        above = self.factors(parts.scalars)
        if parts.scalar_divisors:
            above = self.fraction(above or _number("1"), self.factors(parts.scalar_divisors))
        arrays = _operator("⊘").join(
            (_operator("⊙").join(parts.arrays) or _number("1"), *parts.divisors)
        )
        if not parts.arrays and not parts.divisors:
            return above or _number("1")
        return _row(above, _operator("\u2062"), arrays) if above else _row(arrays)

    def summed(self, parts: Sequence[tuple[bool, str]]) -> str:
        (minus, text), *rest = parts
        written = [_operator("−"), text] if minus else [text]
        for minus, text in rest:
            written += [_operator("−" if minus else "+"), text]
        return _row(*written)

    def raised(self, text: str, exponent: Fraction, *, entrywise: bool) -> str:
        above = _number(str(exponent.numerator))
        if exponent.denominator != 1:
            above = _row(above, _operator("/"), _number(str(exponent.denominator)))
        if entrywise:
            above = _row(_operator("⊙"), above)
        return _element("msup", text, above)

    def called(self, function: str, order: int, argument: str) -> str:
        if function == "sqrt" and not order:
            return _element("msqrt", argument)
        name = _index(function)
        if order:
            name = _element("msup", name, _operator("′" * order))
        return _row(name, _operator("\u2061"), self.bracketed(argument))

    def along(self, operator: str, axes: Sequence[str], argument: str) -> str:
        name = _element("msub", _identifier(operator), _indices(axes))
        return _row(name, _operator("\u2061"), self.bracketed(argument))

    def entry(self, tensor: str, indices: Sequence[str]) -> str:
        name = self.name(tensor)
        return _element("msub", name, _listed(indices)) if indices else name

    def index(self, name: str) -> str:
        return _index(name)

    def position(self, parts: Sequence[tuple[int, str]], offset: int) -> str:
        texts = [
            text if factor == 1 else _number(str(factor)) + _operator("\u2062") + text
            for factor, text in parts
        ]
        if offset or not texts:
            texts.append(_number(str(offset)))
        return _operator("+").join(texts)

    def kronecker(self, left: str, right: str) -> str:
        return _element("msub", _identifier("δ"), _listed((left, right)))

    def derivative(self, of: str, by: str) -> str:
        return self.fraction(_row(_operator("∂"), of), _row(_operator("∂"), by))

    def reduced_over(self, operator: str, indices: Sequence[str], body: str) -> str:
        sign = {"sum": "∑", "prod": "∏"}.get(operator, operator)
        return _row(_element("munder", _operator(sign), _listed(indices)), body)

    def largest_at(self, at: str, index: str, body: str) -> str:
        largest = _element("munder", _operator("arg max"), _listed((index,)))
        return self.indicator(_row(at, _operator("="), largest, body))

    def called_with(self, function: str, arguments: Sequence[str]) -> str:
        inside = _operator(",").join(arguments)
        return _row(_identifier(function), _operator("\u2061"), self.bracketed(inside))

    def greater(self, left: str, right: str) -> str:
        return _row(left, _operator(">"), right)

    def indicator(self, condition: str) -> str:
        return _row(_number("𝟙"), _operator("["), condition, _operator("]"))

    def cases(self, condition: str, above: str, below: str) -> str:
        rows = ((above, _text("if ") + condition), (below, _text("otherwise")))
        lines = (_element("mtr", *(_element("mtd", cell) for cell in row)) for row in rows)
        return _row(_operator("{"), _element("mtable", *lines))


def _element(tag: str, *children: str) -> str:
    return f"<{tag}>{''.join(children)}</{tag}>"


def _row(*children: str) -> str:
    return _element("mrow", *children)


def _identifier(text: str) -> str:
    return _element("mi", escape(text))


def _number(text: str) -> str:
    return _element("mn", escape(text))


def _operator(text: str) -> str:
    return _element("mo", escape(text))


def _text(text: str) -> str:
    return _element("mtext", escape(text))


def _index(name: str) -> str:
    stem = name.rstrip("0123456789")
    number = name[len(stem) :]
    if not stem or not number:
        return _identifier(name)
    return _element("msub", _identifier(stem), _number(number))


def _indices(names: Sequence[str]) -> str:
    return _listed([_index(name) for name in names])


def _listed(texts: Sequence[str]) -> str:
    return _row(_operator(",").join(texts))
