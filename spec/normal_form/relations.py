"""Functions of a polynomial, reduced by their relations.

Relations used, each true for every real argument at which both sides are defined:
    sigmoid(-x) = 1 - sigmoid(x);  tanh(x) = 2 sigmoid(2x) - 1
    exp(x + y) = exp(x) exp(y);  log(exp(x)) = x;  exp(a log(x)) = x^a
    log(x y) = log(x) + log(y) for y > 0;  log(1/x) = -log(x)

On request:  sigmoid(x) = 1/(1 + exp(-x));  softplus(x) = log(1 + exp(x))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from backproof.spec.normal_form.budget import in_steps
from backproof.spec.normal_form.directions import direction, odd
from backproof.spec.normal_form.factors import content, shared_factor
from backproof.spec.normal_form.jumps import absolute, relu, sign, split_at_step, step
from backproof.spec.normal_form.polynomial import (
    ONE_POLY,
    Atom,
    Monomial,
    Poly,
    atom_poly,
    constant_poly,
    function_of,
    joined,
    reduced,
)
from backproof.spec.normal_form.powers import prime_factors, raised


def applied(function: str, order: int, argument: Poly) -> Poly:
    """An abstract function, or a primitive of order 0, of a normal argument."""
    if in_steps():
        split = split_at_step(argument, lambda side: applied(function, order, side))
        if split is not None:
            return split
    rule = _RELATIONS.get(function) if order == 0 else None
    if rule is not None:
        return rule(argument)
    return atom_poly(Atom("apply", function, order, inner=argument))


def exp(argument: Poly) -> Poly:
    """The exponential: a product over the terms of the argument."""
    exponents: dict[Atom, Fraction] = {}
    powers = ONE_POLY
    for monomial, coefficient in argument.terms.items():
        if len(monomial) == 1 and monomial[0][1] == 1 and monomial[0][0].is_plain("log"):
            inner = monomial[0][0].inner
            assert inner is not None
            powers = powers * raised(inner, coefficient)
            continue
        atom = Atom("apply", "exp", inner=Poly({monomial: Fraction(1)}))
        exponents[atom] = coefficient
    monomial, coefficient = reduced(exponents)
    return powers * Poly({monomial: coefficient})


def log(argument: Poly) -> Poly:
    """The logarithm: a sum over the factors that are known to be positive, and what is left.

    What is left has to be positive for there to be a logarithm at all.
    """
    if argument.is_zero:
        return function_of("log", argument)
    if len(argument.terms) > 1:
        shared = tuple((a, e) for a, e in shared_factor(argument) if a.positive)
        number_ = content(argument)
        if not shared and number_ == 1:
            return function_of("log", argument)
        inverse, extra = reduced({a: -e for a, e in shared})
        primitive = argument * Poly({inverse: extra / number_})
        return log(Poly({shared: number_})) + log(primitive)
    ((monomial, coefficient),) = argument.terms.items()
    rest = tuple((a, e) for a, e in monomial if not a.positive)
    if not rest and coefficient < 0:
        return function_of("log", argument)
    parts = [_log_of_number(abs(coefficient))]
    for atom, exponent in monomial:
        if not atom.positive:
            continue
        if atom.kind == "radical":
            parts.append(_log_of_number(Fraction(atom.order)).scaled(exponent))
        elif atom.is_plain("exp") and atom.inner is not None:
            parts.append(atom.inner.scaled(exponent))
        elif atom.kind == "poly" and atom.inner is not None:
            parts.append(log(atom.inner).scaled(exponent))
        else:
            parts.append(function_of("log", atom_poly(atom)).scaled(exponent))
    if rest:
        parts.append(_log_of_unknown(rest, Fraction(1 if coefficient > 0 else -1)))
    return joined(parts)


def _log_of_unknown(monomial: Monomial, sign: Fraction) -> Poly:
    """The logarithm of a product of which no factor is known to be positive, times 1 or -1."""
    exponent = monomial[0][1]
    odd_power = exponent.denominator == 1 and exponent % 2 == 1
    if len(monomial) == 1 and odd_power and exponent != 1:
        atom = monomial[0][0]
        base = atom.inner if atom.kind == "poly" and atom.inner is not None else atom_poly(atom)
        return log(base.scaled(sign)).scaled(exponent)
    turn = Fraction(-1 if exponent < 0 else 1)
    powers, extra = reduced({a: e * turn for a, e in monomial})
    return function_of("log", Poly({powers: sign * extra})).scaled(turn)


def _log_of_number(value: Fraction) -> Poly:
    return joined(
        function_of("log", constant_poly(Fraction(prime))).scaled(Fraction(sign * count))
        for number_, sign in ((value.numerator, 1), (value.denominator, -1))
        for prime, count in prime_factors(number_).items()
    )


def _sigmoid(argument: Poly) -> Poly:
    if argument.is_zero:
        return constant_poly(Fraction(1, 2))
    if direction(argument) < 0:
        return ONE_POLY - function_of("sigmoid", argument.scaled(Fraction(-1)))
    return function_of("sigmoid", argument)


def _logistic(argument: Poly) -> Poly:
    return raised(ONE_POLY + exp(argument.scaled(Fraction(-1))), Fraction(-1))


_RELATIONS: Mapping[str, Callable[[Poly], Poly]] = {
    "exp": exp,
    "log": log,
    "sigmoid": _sigmoid,
    "tanh": lambda z: _sigmoid(z.scaled(Fraction(2))).scaled(Fraction(2)) - ONE_POLY,
    "erf": lambda z: odd("erf", z),
    "sign": sign,
    "abs": absolute,
    "step": step,
    "relu": relu,
}


# On request, functions through exp and log.
ELEMENTARY: Mapping[str, Callable[[Poly], Poly]] = {
    "sigmoid": _logistic,
    "tanh": lambda z: _logistic(z.scaled(Fraction(2))).scaled(Fraction(2)) - ONE_POLY,
    "softplus": lambda z: log(ONE_POLY + exp(z)),
}
