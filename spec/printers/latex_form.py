"""LaTeX: the matrix form where there is one, else sums over indices.

``W{l}`` and, in a network, ``W1`` are written W^{[l]} and W^{[1]}; the size of the axis n is |n|.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from backproof.spec.printers.display_writer import DisplayWriter, label
from backproof.spec.printers.matrix_writer import Quotient
from backproof.spec.terms import Term

if TYPE_CHECKING:
    from backproof.spec.layer import Equation
    from backproof.spec.program import Program

_FUNCTIONS = {"exp", "log", "tanh"}
_GREEK = frozenset(
    {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"}
    | {"lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi"}
    | {"omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi"}
    | {"Psi", "Omega"}
)
_LAYER_END = "]}"


def latex_equation(equation: Equation) -> str:
    """An equation in LaTeX, without delimiters."""
    return LatexWriter(equation.spec.program).equation(equation)


def latex_index_equation(program: Program | None, left: Term, right: Term) -> str:
    """``left = right`` in LaTeX, by entries."""
    return LatexWriter(program).index_equation(left, right)


class LatexWriter(DisplayWriter):
    """LaTeX that amsmath reads."""

    def equals(self, left: str, right: str) -> str:
        return f"{left} = {right}"

    def name(self, tensor: str) -> str:
        found = label(tensor, self.program)
        text = ("d" if found.gradient else "") + _word(found.stem)
        if found.layer:
            return f"{text}^{{[{found.layer}]}}"
        return f"{text}_{{{found.subscript}}}" if found.subscript else text

    def integer(self, value: int) -> str:
        return str(value)

    def constant(self, name: str) -> str:
        return _word(name)

    def size(self, axis: str) -> str:
        return f"|{_index(axis)}|"

    def bracketed(self, text: str) -> str:
        return rf"\left({text}\right)"

    def transposed(self, text: str) -> str:
        # TeX refuses a second superscript: the mark joins the layer's.
        if text.endswith(_LAYER_END):
            return rf"{text[:-1]}\top}}"
        return rf"{text}^{{\top}}"

    def factors(self, texts: Sequence[str]) -> str:
        return r" \, ".join(texts)

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def quotient(self, parts: Quotient) -> str:
        above = self.factors(parts.scalars)
        if parts.scalar_divisors:
            above = self.fraction(above or "1", self.factors(parts.scalar_divisors))
        arrays = r" \oslash ".join((r" \odot ".join(parts.arrays) or "1", *parts.divisors))
        if not parts.arrays and not parts.divisors:
            return above or "1"
        return f"{above} {arrays}" if above else arrays

    def raised(self, text: str, exponent: Fraction, *, entrywise: bool) -> str:
        shown = (
            str(exponent)
            if exponent.denominator == 1
            else f"{exponent.numerator}/{exponent.denominator}"
        )
        scripted = _LAYER_END in text and not text.endswith(r"\right)")
        base = f"{{{text}}}" if scripted else text
        return rf"{base}^{{{chr(92) + 'odot ' if entrywise else ''}{shown}}}"

    def called(self, function: str, order: int, argument: str) -> str:
        primes = "'" * order
        if function == "sqrt" and not order:
            return rf"\sqrt{{{argument}}}"
        if function == "abs" and not order:
            return rf"\left|{argument}\right|"
        if function in _FUNCTIONS:
            return rf"\{function}{primes}{self.bracketed(argument)}"
        stem = function.rstrip("0123456789")
        if len(stem) == 1:
            return f"{_index(function)}{primes}{self.bracketed(argument)}"
        return rf"\operatorname{{{_escaped(function)}}}{primes}{self.bracketed(argument)}"

    def along(self, operator: str, axes: Sequence[str], argument: str) -> str:
        below = ",".join(map(_index, axes))
        return rf"\operatorname{{{operator}}}_{{{below}}}{self.bracketed(argument)}"

    def entry(self, tensor: str, indices: Sequence[str]) -> str:
        name = self.name(tensor)
        if not indices:
            return name
        shown = ",".join(indices)
        # Likewise a second subscript.
        return f"{{{name}}}_{{{shown}}}" if "_{" in name else f"{name}_{{{shown}}}"

    def index(self, name: str) -> str:
        return _index(name)

    def position(self, parts: Sequence[tuple[int, str]], offset: int) -> str:
        texts = [text if factor == 1 else f"{factor}{text}" for factor, text in parts]
        return "+".join((*texts, str(offset)) if offset or not texts else texts)

    def kronecker(self, left: str, right: str) -> str:
        return rf"\delta_{{{left},{right}}}"

    def derivative(self, of: str, by: str) -> str:
        return rf"\frac{{\partial {of}}}{{\partial {by}}}"

    def reduced_over(self, operator: str, indices: Sequence[str], body: str) -> str:
        return rf"\{operator}_{{{','.join(indices)}}} {body}"

    def largest_at(self, at: str, index: str, body: str) -> str:
        return self.indicator(rf"{at} = \arg\max_{{{index}}} {body}")

    def called_with(self, function: str, arguments: Sequence[str]) -> str:
        return rf"\{function}{self.bracketed(', '.join(arguments))}"

    def indicator(self, condition: str) -> str:
        return rf"\mathbb{{1}}\left[{condition}\right]"

    def cases(self, condition: str, above: str, below: str) -> str:
        lines = rf"{above} & \text{{if }} {condition} \\ {below} & \text{{otherwise}}"
        return rf"\begin{{cases}} {lines} \end{{cases}}"


def _escaped(word: str) -> str:
    return word.replace("_", r"\_")


def _word(word: str) -> str:
    if word in _GREEK:
        return rf"\{word}"
    return word if len(word) == 1 and word != "_" else rf"\mathrm{{{_escaped(word)}}}"


def _index(name: str) -> str:
    stem = name.rstrip("0123456789")
    number = name[len(stem) :]
    text = _word(stem) if stem else name
    return f"{text}_{{{number}}}" if stem and number else text
