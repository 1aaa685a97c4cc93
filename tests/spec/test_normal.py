"""The normal form keeps values, does not depend on how a term is written, and claims no more."""

from fractions import Fraction
from random import Random

import flint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.spec import terms as t
from backproof.spec.contraction import collect, contract, gather_powers
from backproof.spec.normal import (
    TooLargeError,
    as_term,
    cleared,
    normalise,
    with_marginals,
    with_values,
)
from backproof.spec.pointwise import NoValueError
from backproof.spec.terms import Term
from tests.spec.random_terms import (
    EVERY,
    FREE,
    PIECEWISE,
    SIZES,
    SMOOTH,
    I,
    J,
    K,
    L,
    P,
    Undefined,
    enclosures,
    places,
    rewritten,
    terms,
    value,
)

EXACT = ("g", *PIECEWISE)
POWERS = (2, 3, -1)


def exact_values(term: Term) -> dict[tuple[int, ...], Fraction]:
    """The values at all positions where there is one."""
    found = {}
    for at in places(FREE):
        try:
            found[tuple(at.values())] = value(term, at)
        except Undefined:
            continue
    return found


def assert_same_where_defined(term: Term, other: Term) -> None:
    """The other term has a value wherever the first has one, and the same."""
    expected = exact_values(term)
    actual = exact_values(other)
    assert {at: actual.get(at) for at in expected} == expected


def smooth_difference(term: Term, other: Term) -> list[flint.arb]:
    """Enclosures of the difference, wherever both terms have a value."""
    differences = []
    before, flint.ctx.prec = flint.ctx.prec, 200
    try:
        evaluation = enclosures()
        for at in places(FREE):
            try:
                differences.append(evaluation.term(term, at) - evaluation.term(other, at))
            except NoValueError:
                continue
    finally:
        flint.ctx.prec = before
    return differences


# ---------------------------------------------------------------- values


@given(terms(functions=EXACT, powers=POWERS, depth=4))
@FIXED_
def test_normal_form_has_the_value_of_the_term(term: Term) -> None:
    assert term


