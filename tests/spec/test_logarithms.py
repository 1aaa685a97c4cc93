"""Logarithms of products and quotients: opened where the factors are known to be positive."""

from fractions import Fraction

import flint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.spec import terms as t
from backproof.spec.claims.reading import read_claim
from backproof.spec.deciding.equal import Answer, Kind, decide
from backproof.spec.deriving.conditions import conditions
from backproof.spec.layer import Spec
from backproof.spec.library import named
from backproof.spec.normal_form.as_term import as_term
from backproof.spec.normal_form.normal import normalise
from backproof.spec.normal_form.signs import needed
from backproof.spec.terms import Index, Term
from backproof.spec.values.pointwise import NoValueError
from tests.spec.random_terms import FIXED, enclosures, places

Ai, Aj = Index("i", "i"), Index("j", "i")


def answered(given_: str, claim: str) -> Answer:
    spec = named(given_) if given_.isidentifier() else Spec(given_)
    return decide(read_claim(claim, spec.derivation))


# ---------------------------------------------------------------- values

BASES = (
    t.entry("x", (Ai,)),
    t.entry("s", ()),
    t.add(t.ONE, t.negative(t.entry("x", (Ai,)))),
    t.add(t.entry("x", (Aj,)), t.negative(t.entry("y", (Ai,)))),
    t.add(t.number(Fraction(-3)), t.entry("x", (Aj,))),
    t.power(t.entry("y", (Ai,)), 2),
    t.number(Fraction(-2, 3)),
    t.number(Fraction(6)),
    t.apply("exp", t.entry("y", (Aj,))),
    t.total((Aj,), t.entry("M", (Ai, Aj))),
)
factors = st.lists(st.tuples(st.sampled_from(BASES), st.sampled_from((-2, -1, 1, 3))), max_size=4)


@FIXED
@given(factors, st.lists(st.sampled_from(BASES), max_size=2))
def test_the_normal_form_of_a_logarithm_has_its_value(
    chosen: list[tuple[Term, int]], known: list[Term]
) -> None:
    logarithm = t.apply("log", t.mul(*(t.power(base, Fraction(e)) for base, e in chosen)))
    others = [t.apply("log", base) for base in known]
    try:
        form = as_term(normalise(logarithm, signs=needed(logarithm, *others)))
    except ZeroDivisionError:
        return
    before, flint.ctx.prec = flint.ctx.prec, 200
    try:
        evaluation = enclosures()
        for at in places((Ai, Aj)):
            try:
                expected, *_ = [evaluation.term(side, at) for side in (logarithm, *others)]
            except NoValueError:
                continue
            assert (evaluation.term(form, at) - expected).contains(0)
    finally:
        flint.ctx.prec = before


# ---------------------------------------------------------------- claims


@pytest.mark.parametrize(
    "claim",
    [
        "dY = -log(A / (1 - A)) / (size(n) size(o))",
        "dY[n,o] = log((-A[n,o] + 1)/A[n,o])/(size(n)*size(o))",
        "log(1/(1 - A[n,o])) = -log(1 - A[n,o])",
        "abs(1 - A[n,o]) = 1 - A[n,o]",
    ],
)
def test_what_the_layer_takes_the_logarithm_of_is_positive(claim: str) -> None:
    assert answered("binary_cross_entropy", claim).kind is Kind.EQUAL


@pytest.mark.parametrize(
    "claim",
    [
        "dY[n,o] = -log(A[n,o]/(1 + A[n,o]))/(size(n)*size(o))",
        "dY[n,o] = log(A[n,o]/(1 - A[n,o]))/(size(n)*size(o))",
        "dY[n,o] = -log((1 - A[n,o])/A[n,o]^2)/(size(n)*size(o))",
    ],
)
def test_a_wrong_quotient_stays_wrong(claim: str) -> None:
    assert answered("binary_cross_entropy", claim).kind is Kind.DIFFERENT


def test_it_is_positive_where_the_logarithm_is_taken_and_not_elsewhere() -> None:
    both = "axes n, m: samples\nL = sum[n](log(1 - x[n])) + sum[n](u[n])"
    claim = "log((1 - x[n])*(1 - x[m])) = log(1 - x[n]) + log(1 - x[m])"
    assert answered(both, claim).kind is Kind.EQUAL
    other = "log((1 - u[n])*(1 - u[m])) = log((1 - u[n])^2)/2 + log((1 - u[m])^2)/2"
    assert answered(both, other).kind is not Kind.EQUAL
    assert answered(both, "abs(1 - u[n]) = 1 - u[n]").kind is Kind.DIFFERENT


def test_a_logarithm_at_one_index_says_nothing_of_another() -> None:
    text = "axes n, m: samples\nL = sum[n](x[n]^2)"
    here = "log(1 - x[n]) + abs(1 - x[n]) = log(1 - x[n]) + 1 - x[n]"
    assert answered(text, here).kind is Kind.EQUAL
    there = "log(1 - x[n]) + abs(1 - x[m]) = log(1 - x[n]) + 1 - x[m]"
    assert answered(text, there).kind not in (Kind.EQUAL, Kind.ASSUMES)


def test_a_stated_bound_is_an_assumption() -> None:
    text = "L = sum[i](x[i]^2)\nassume x[i] < 1"
    answer = answered(text, "abs(1 - x[i]) = 1 - x[i]")
    assert (answer.kind, answer.assumption) == (Kind.ASSUMES, "x[i] < 1")
    assert answered(text, "abs(x[i] - 2) = 2 - x[i]").kind is not Kind.EQUAL


def test_a_stated_bound_is_not_said_again_among_the_conditions() -> None:
    statement = "y[i] = log(1 - x[i])"
    assert [c.text for c in conditions(Spec(statement).program)] == ["1 - x[i] > 0"]
    assert conditions(Spec(f"{statement}\nassume x[i] < 1").program) == ()
