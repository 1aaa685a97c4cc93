"""Functions that jump or have a kink at zero: step, sign, abs and relu.

Relations used:
    relu(x) = x step(x);  relu(-x) = relu(x) - x;  abs(-x) = abs(x);  abs(x y) = abs(x) abs(y)
    step(a x) = step(x) for a > 0
    step(relu(x)) = step(x), and so for every function of two slopes that are not negative
    relu, abs, step and sign of what is known to be positive, or to be negative

Where only steps may be left:  sign(x) = step(x) - step(-x);  abs(x) = x (2 step(x) - 1)
    f(a + s b) = s f(a + b) + (1 - s) f(a) for a step s
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from backproof.spec.normal_form.budget import in_steps
from backproof.spec.normal_form.directions import direction, odd
from backproof.spec.normal_form.factors import without_positive_factors
from backproof.spec.normal_form.polynomial import (
    ONE_POLY,
    ZERO_POLY,
    Atom,
    Monomial,
    Poly,
    atom_poly,
    constant_poly,
    function_of,
)


def split_at_step(argument: Poly, value: Callable[[Poly], Poly]) -> Poly | None:
    """A function of what has a step s in it: s times its value at s = 1, and 1 - s at s = 0."""
    steps = {a for m in argument.terms for a, e in m if a.is_plain("step") and e == 1}
    if not steps:
        return None
    chosen = min(steps)
    above, below = (_with_step(argument, chosen, side) for side in (1, 0))
    return atom_poly(chosen) * value(above) + (ONE_POLY - atom_poly(chosen)) * value(below)


def _with_step(poly: Poly, chosen: Atom, side: int) -> Poly:
    """The polynomial where a step outside of sums and functions is 1, or where it is 0."""
    terms: dict[Monomial, Fraction] = {}
    for monomial, coefficient in poly.terms.items():
        exponent = dict(monomial).get(chosen, Fraction(0))
        if exponent and not side:
            if exponent < 0:
                raise ZeroDivisionError("a negative power of zero")
            continue
        rest = tuple((a, e) for a, e in monomial if a != chosen)
        terms[rest] = terms.get(rest, Fraction(0)) + coefficient
    return Poly(terms)


def step(argument: Poly) -> Poly:
    """1 where the argument is above zero, else 0."""
    if argument.is_zero or argument.scaled(Fraction(-1)).positive:
        return ZERO_POLY
    if argument.positive:
        return ONE_POLY
    argument = without_positive_factors(argument)
    if in_steps():
        return split_at_step(argument, step) or function_of("step", argument)
    # A mask taken at the output of relu, or of leaky_relu, is the mask at its input:
    # of x*(a + b*step(x)) the sign is that of a for x < 0, and that of a + b for x > 0.
    for atom in sorted({a for m in argument.terms for a, _ in m if a.is_plain("step")}):
        assert atom.inner is not None
        above = atom.inner * atom_poly(atom)
        below, slope = (argument.ratio_to(part) for part in (atom.inner, above))
        if atom.inner.scaled(below) + above.scaled(slope) != argument:
            continue
        if below >= 0 and below + slope > 0:
            return atom_poly(atom)
        if below < 0 and below + slope <= 0:
            return function_of("step", atom.inner.scaled(Fraction(-1)))
    return function_of("step", argument)


def sign(argument: Poly) -> Poly:
    """1, 0 or -1, as the argument is above, at or below zero."""
    for side in (Fraction(1), Fraction(-1)):
        if argument.scaled(side).positive:
            return constant_poly(side)
    if in_steps():
        return step(argument) - step(argument.scaled(Fraction(-1)))
    return odd("sign", argument)


def absolute(argument: Poly) -> Poly:
    """The absolute value of the argument."""
    for side in (argument, argument.scaled(Fraction(-1))):
        if side.nonnegative:
            return side
    if in_steps():
        return argument * (step(argument).scaled(Fraction(2)) - ONE_POLY)
    if len(argument.terms) == 1:
        return _abs_of_product(argument)
    if direction(argument) < 0:
        argument = argument.scaled(Fraction(-1))
    return function_of("abs", argument)


def _abs_of_product(argument: Poly) -> Poly:
    ((monomial, coefficient),) = argument.terms.items()
    result = constant_poly(abs(coefficient))
    for atom, exponent in monomial:
        factor = atom if atom.nonnegative else Atom("apply", "abs", inner=atom_poly(atom))
        result = result * atom_poly(factor, exponent)
    return result


def relu(argument: Poly) -> Poly:
    """The argument where it is above zero, else 0."""
    if argument.nonnegative:
        return argument
    if direction(argument) < 0:
        return relu(argument.scaled(Fraction(-1))) + argument
    return argument * step(argument)
