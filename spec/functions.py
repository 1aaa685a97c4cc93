"""The functions of one argument that the notation knows by name, each stated once, as text.

A function is primitive (every oracle and printer has a rule of its own for it, and its derivative
is stated here) or defined in terms of others (its derivative then follows). To add an activation,
add one entry with a definition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from backproof.spec.notation.syntax import (
    BinarySyntax,
    CallSyntax,
    NegativeSyntax,
    NumberSyntax,
    ReferenceSyntax,
    Syntax,
)
from backproof.spec.source import Source
from backproof.spec.terms import (
    ONE,
    ZERO,
    Add,
    Apply,
    Constant,
    Entry,
    Mul,
    Number,
    Power,
    Term,
    Where,
    add,
    apply,
    constant,
    entry,
    mul,
    negative,
    number,
    power,
    rebuild,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of one real argument.

    Attributes:
        definition: the function in terms of others, in ``x``; None for a primitive.
        derivative: a primitive's derivative, in ``x``.
        kinks: arguments at which the derivative jumps; there every value between the one-sided
            derivatives counts as right.
        domain: the arguments for which it is real, as a person would write it.
        positive: its values are above zero.
        inline: in a derivation its derivative is written out (exp' is exp) and not named.
    """

    definition: str | None = None
    derivative: str | None = None
    kinks: tuple[Fraction, ...] = ()
    domain: str = ""
    positive: bool = False
    inline: bool = False


_ZERO = (Fraction(0),)

FUNCTIONS: Mapping[str, Function] = {
    "exp": Function(derivative="exp(x)", positive=True, inline=True),
    "log": Function(derivative="1/x", domain="x > 0", inline=True),
    "sqrt": Function(definition="x^(1/2)", derivative="1/2/sqrt(x)", domain="x >= 0", inline=True),
    "linear": Function(definition="x", inline=True),
    "tanh": Function(derivative="1 - tanh(x)^2"),
    "sigmoid": Function(derivative="sigmoid(x)*(1 - sigmoid(x))", positive=True),
    "softplus": Function(derivative="sigmoid(x)", positive=True),
    "erf": Function(derivative="2/pi^(1/2)*exp(-x^2)"),
    "relu": Function(derivative="step(x)", kinks=_ZERO),
    "step": Function(derivative="0", kinks=_ZERO, inline=True),
    "abs": Function(derivative="sign(x)", kinks=_ZERO, inline=True),
    "sign": Function(derivative="0", kinks=_ZERO, inline=True),
    "silu": Function(definition="x*sigmoid(x)"),
    "gelu": Function(definition="x*(1 + erf(x/2^(1/2)))/2"),
    "leaky_relu": Function(definition="x/100 + 99*relu(x)/100", kinks=_ZERO),
    "elu": Function(definition="relu(x) + exp(x - relu(x)) - 1", kinks=_ZERO),
}

PRIMITIVES = tuple(name for name, f in FUNCTIONS.items() if f.definition is None)

# What a layer may have between its pre-activation and its output; "softmax" runs along outputs.
ACTIVATIONS = (
    "linear",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "softplus",
    "silu",
    "gelu",
    "erf",
    "exp",
    "abs",
    "softmax",
)

CONSTANTS = ("pi",)
X = entry("x")


def is_abstract(name: str) -> bool:
    """Whether a function is one that nothing is known of, such as ``g``."""
    return name not in FUNCTIONS


def scalar_term(syntax: Syntax, source: Source) -> Term:
    """The term of a formula in ``x`` alone, as the table above writes them."""
    if isinstance(syntax, NumberSyntax):
        return number(syntax.value)
    if isinstance(syntax, ReferenceSyntax):
        return constant(syntax.name) if syntax.name in CONSTANTS else entry(syntax.name)
    if isinstance(syntax, CallSyntax):
        return apply(syntax.function, scalar_term(syntax.argument, source), syntax.order)
    if isinstance(syntax, NegativeSyntax):
        return negative(scalar_term(syntax.operand, source))
    if isinstance(syntax, BinarySyntax):
        left = scalar_term(syntax.left, source)
        right = scalar_term(syntax.right, source)
        return arithmetic(syntax.operator, left, right)
    raise TypeError(f"{type(syntax).__name__} has no place in a function's formula")


def arithmetic(operator: str, left: Term, right: Term) -> Term:
    """+ - * / and ^ (whose right side is a number) on terms."""
    if operator == "+":
        return add(left, right)
    if operator == "-":
        return add(left, negative(right))
    if operator == "*":
        return mul(left, right)
    if operator == "/":
        return mul(left, power(right, -1))
    if not isinstance(right, Number):
        raise TypeError("an exponent is a rational number")
    return power(left, right.value)


@lru_cache(maxsize=1024)
def _formula(text: str) -> Term:
    from backproof.spec.notation.parser import parse_claim

    source = Source(f"y = {text}", "<functions>")
    return scalar_term(parse_claim(source)[1], source)


@lru_cache(maxsize=1024)
def formula(name: str, order: int = 0) -> Term | None:
    """The derivative of the given order as a term in ``X``, through other functions.

    None where the function is a primitive and the order 0, or where the function is abstract:
    then there is nothing simpler to write.
    """
    function = FUNCTIONS.get(name)
    if function is None:
        return None
    if order == 0:
        return None if function.definition is None else _formula(function.definition)
    if order == 1 and function.derivative is not None:
        return _formula(function.derivative)
    lower = formula(name, order - 1)
    assert lower is not None
    return derivative_in_x(lower)


def derivative_in_x(term: Term) -> Term:
    """d/dx of a term whose only variable is the scalar ``x``."""
    if term is X:
        return ONE
    if isinstance(term, (Number, Constant, Entry)):
        return ZERO
    if isinstance(term, Add):
        return add(*map(derivative_in_x, term.terms))
    if isinstance(term, Mul):
        factors = term.factors
        return add(
            *(
                mul(*factors[:k], derivative_in_x(factor), *factors[k + 1 :])
                for k, factor in enumerate(factors)
            )
        )
    if isinstance(term, Power):
        slope = derivative_in_x(term.base)
        return mul(number(term.exponent), power(term.base, term.exponent - 1), slope)
    if isinstance(term, Apply):
        stated = formula(term.function, term.order + 1)
        outer = (
            apply(term.function, term.argument, term.order + 1)
            if stated is None
            else replace_x(stated, term.argument)
        )
        return mul(outer, derivative_in_x(term.argument))
    raise TypeError(f"{type(term).__name__} has no place in a function's formula")


def replace_x(term: Term, argument: Term) -> Term:
    """A formula with an argument in place of ``x``."""
    if term is X:
        return argument
    on: Callable[[Term], Term] = lambda child: replace_x(child, argument)  # noqa: E731
    return rebuild(term, on)


# Functions that are one formula where their argument is above zero, and another where it is below.
_OF_PIECES = ("abs", "sign", "step", "relu", "leaky_relu", "elu")


def parted_at(node: Term) -> Term | None:
    """What a term is above or below the zeros of, if it is one formula above and another below."""
    if isinstance(node, Where):
        return node.test
    if isinstance(node, Apply) and node.function in _OF_PIECES:
        return node.argument
    return None


def unfold(term: Apply) -> Term:
    """An application in terms of simpler functions; itself when there is nothing simpler."""
    found = formula(term.function, term.order)
    return term if found is None else replace_x(found, term.argument)
