"""Conditions for libraries that work out both branches everywhere and then choose.

In ``where(Z > 0, log(Z), 0)`` a library takes the logarithm of negative numbers as well, warns,
and an automatic derivative of it is not a number. Where the branch is not taken, the argument is
replaced by 1, which every function bears: ``where(Z > 0, log(where(Z > 0, Z, 1)), 0)``.
"""

from __future__ import annotations

from backproof.spec.plan import is_scalar
from backproof.spec.terms import (
    ONE,
    Apply,
    Binder,
    Power,
    Term,
    Where,
    apply,
    power,
    rebuild,
    where,
)

# The functions that are not defined, or overflow, at some arguments.
_PARTIAL = frozenset(("exp", "log", "sqrt"))


def with_safe_branches(term: Term) -> Term:
    """The same term, whose branches have a value where they are not taken as well."""
    term = rebuild(term, with_safe_branches)
    if not isinstance(term, Where):
        return term
    above = _safe(term.above, term.test, above=True)
    below = _safe(term.below, term.test, above=False)
    return where(term.test, above, below)


def _safe(branch: Term, test: Term, *, above: bool) -> Term:
    def replaced(argument: Term) -> Term:
        if is_scalar(argument) or (isinstance(argument, Where) and argument.test is test):
            return argument
        return where(test, argument, ONE) if above else where(test, ONE, argument)

    def on(term: Term) -> Term:
        # What binds an index of the test has another meaning for it inside.
        if isinstance(term, Binder) and set(term.bound) & test.free:
            return term
        term = rebuild(term, on)
        if isinstance(term, Apply) and term.function in _PARTIAL:
            return apply(term.function, replaced(term.argument), term.order)
        if isinstance(term, Power) and (term.exponent < 0 or term.exponent.denominator != 1):
            return power(replaced(term.base), term.exponent)
        return term

    return on(branch)
