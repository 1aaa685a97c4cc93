"""The normal form keeps values, does not depend on how a term is written, and claims no more."""

from fractions import Fraction
from random import Random

import flint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.spec import terms as t
from backproof.spec.normal_form import labelling as labelling_module
from backproof.spec.normal_form.as_term import as_term
from backproof.spec.normal_form.budget import TooLargeError
from backproof.spec.normal_form.canonical import canonical_order
from backproof.spec.normal_form.contraction import collect, contract, gather_powers
from backproof.spec.normal_form.denominators import cleared
from backproof.spec.normal_form.normal import normalise
from backproof.spec.normal_form.replacing import with_marginals, with_values
from backproof.spec.terms import Term
from backproof.spec.values.pointwise import NoValueError
from tests.spec.random_terms import (
    EVERY,
    FIXED,
    FREE,
    PIECEWISE,
    SMOOTH,
    Ai,
    Aj,
    Ak,
    Am,
    Bp,
    Undefined,
    altered,
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


def assert_keeps_values(term: Term, other: Term) -> None:
    """The other term has a value wherever the first has one, and the same."""
    expected = exact_values(term)
    actual = exact_values(other)
    assert {at: actual.get(at) for at in expected} == expected


def smooth_differences(term: Term, other: Term) -> list[flint.arb]:
    """Enclosures of the difference, wherever the first term has a value."""
    differences = []
    before, flint.ctx.prec = flint.ctx.prec, 200
    try:
        evaluation = enclosures()
        for at in places(FREE):
            try:
                expected = evaluation.term(term, at)
            except NoValueError:
                continue
            differences.append(evaluation.term(other, at) - expected)
    finally:
        flint.ctx.prec = before
    return differences


def unless_too_large(term: Term) -> Term:
    """The normal form as a term; the term itself where the form goes over its budget."""
    try:
        return as_term(normalise(term))
    except (TooLargeError, ZeroDivisionError):
        return term


# ---------------------------------------------------------------- values


@FIXED
@given(terms(functions=EXACT, powers=POWERS, depth=4))
def test_normal_form_has_the_value_of_the_term(term: Term) -> None:
    assert_keeps_values(term, unless_too_large(term))


@FIXED
@given(terms(functions=SMOOTH, powers=(2, -1, Fraction(1, 2), Fraction(-3, 2)), softmax=True))
def test_normal_form_has_the_value_of_a_smooth_term(term: Term) -> None:
    differences = smooth_differences(term, unless_too_large(term))
    assert [d for d in differences if not d.contains(0)] == []


@FIXED
@given(terms(functions=SMOOTH, powers=(2, -1), softmax=True))
def test_form_through_exponentials_has_the_value_of_the_term(term: Term) -> None:
    try:
        other = as_term(normalise(term, elementary=True))
    except (TooLargeError, ZeroDivisionError):
        other = term
    assert [d for d in smooth_differences(term, other) if not d.contains(0)] == []


@FIXED
@given(terms(functions=EXACT, powers=POWERS, depth=4))
def test_contraction_and_tidying_keep_the_value(term: Term) -> None:
    assert_keeps_values(term, contract(term))
    assert_keeps_values(term, gather_powers(term))
    assert_keeps_values(term, collect(term))


@FIXED
@given(terms(functions=EXACT, powers=(2, -1)), terms(functions=EXACT, powers=(2, -1)))
def test_clearing_denominators_multiplies_by_what_it_names(left: Term, right: Term) -> None:
    try:
        difference = normalise(t.add(left, t.negative(right)))
        poly, denominators = cleared(difference)
    except (TooLargeError, ZeroDivisionError):
        return
    # Zero once multiplied, and no denominator zero: then it was zero before.
    before, after = exact_values(as_term(difference)), exact_values(as_term(poly))
    below = [exact_values(as_term(d)) for d in denominators]
    for at, product in after.items():
        if at in before and all(d.get(at, Fraction(1)) for d in below):
            assert (product == 0) == (before[at] == 0)


# ---------------------------------------------------------------- one form for all writings


@FIXED
@given(terms(functions=("g", "relu", "exp", "sigmoid", "tanh"), depth=4), st.integers(0, 10**9))
def test_rewriting_does_not_change_the_normal_form(term: Term, seed: int) -> None:
    other = rewritten(term, Random(seed))
    try:
        assert normalise(term) == normalise(other)
    except TooLargeError:
        assert_keeps_values(term, other)


@FIXED
@given(terms(functions=("g", "tanh"), softmax=True, depth=3), st.integers(0, 10**9))
def test_softmax_and_logsumexp_are_normal_in_any_writing(term: Term, seed: int) -> None:
    other = rewritten(term, Random(seed))
    try:
        assert normalise(term) == normalise(other)
    except (TooLargeError, ZeroDivisionError):
        assert term.free == other.free


@FIXED
@given(terms(functions=EXACT, depth=3))
def test_the_normal_form_of_a_normal_form_is_itself(term: Term) -> None:
    try:
        form = normalise(term)
    except TooLargeError:
        return
    assert normalise(as_term(form)) == form


@FIXED
@given(terms(functions=EXACT, powers=POWERS), terms(functions=EXACT, powers=POWERS))
def test_equal_forms_have_equal_values(left: Term, right: Term) -> None:
    try:
        same = normalise(left) == normalise(right)
    except (TooLargeError, ZeroDivisionError):
        return
    if same:
        first, second = exact_values(left), exact_values(right)
        assert all(first[at] == second[at] for at in first.keys() & second.keys())
    else:
        assert left is not right


@FIXED
@given(terms(functions=EXACT, powers=POWERS), st.integers(0, 10**9))
def test_a_slight_change_keeps_the_form_only_where_it_keeps_the_value(
    term: Term, seed: int
) -> None:
    random = Random(seed)
    other = altered(rewritten(term, random), random)
    try:
        same = normalise(term) == normalise(other)
    except (TooLargeError, ZeroDivisionError):
        return
    first, second = exact_values(term), exact_values(other)
    differ = any(first[at] != second[at] for at in first.keys() & second.keys())
    assert not (same and differ)


# ---------------------------------------------------------------- sums below functions

x, y = (lambda i, name=name: t.entry(name, (i,)) for name in "xy")


def M(left: t.Index, right: t.Index) -> Term:
    return t.entry("M", (left, right))


def g(argument: Term) -> Term:
    return t.apply("g", argument)


def test_a_sum_inside_a_sum_is_labelled_under_another_mark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marks = []

    def spy(*arguments: object) -> object:
        marks.append(arguments[2])
        return canonical_order(*arguments)

    monkeypatch.setattr(labelling_module, "canonical_order", spy)
    normalise(t.total((Ai,), g(t.total((Aj,), t.mul(M(Ai, Aj), g(t.total((Ak,), M(Aj, Ak))))))))

    assert set(marks) == {"1", "2", "3"}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        # Both sums run along one axis: their indices must not be taken for one.
        (
            t.total((Ai,), t.mul(g(t.total((Ak,), M(Ak, Ai))), M(Ai, Ai))),
            t.total((Ai,), t.mul(g(t.total((Ak,), M(Ai, Ak))), M(Ai, Ai))),
        ),
        (
            t.total((Ai,), g(t.total((Ak,), M(Ak, Ai)))),
            t.total((Ai,), g(t.total((Ak,), M(Ak, Ak)))),
        ),
        (
            t.total((Ai, Aj), t.mul(g(t.total((Ak,), t.mul(M(Ak, Ai), M(Ak, Aj)))), x(Ai))),
            t.total((Ai, Aj), t.mul(g(t.total((Ak,), t.mul(M(Ai, Ak), M(Ak, Aj)))), x(Ai))),
        ),
        (
            t.total((Ai,), t.power(t.total((Ak,), t.mul(M(Ak, Ai), y(Ak))), 4)),
            t.total((Ai,), t.power(t.total((Ak,), t.mul(M(Ai, Ak), y(Ak))), 4)),
        ),
        (
            t.total((Ai,), g(t.total((Aj,), g(t.total((Ak,), t.mul(M(Ak, Ai), M(Ak, Aj))))))),
            t.total((Ai,), g(t.total((Aj,), g(t.total((Ak,), t.mul(M(Ai, Ak), M(Ak, Aj))))))),
        ),
    ],
)
def test_different_sums_inside_functions_have_different_forms(left: Term, right: Term) -> None:
    assert exact_values(left) != exact_values(right)
    assert normalise(left) != normalise(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (
            t.total((Ai,), t.mul(x(Ai), t.total((Ak,), t.mul(M(Ai, Ak), y(Ak))))),
            t.total((Ak, Ai), t.mul(y(Ak), M(Ai, Ak), x(Ai))),
        ),
        (
            t.power(t.total((Ai,), x(Ai)), 3),
            t.total((Ai, Aj, Ak), t.mul(x(Ai), x(Aj), x(Ak))),
        ),
        (t.total((Ai,), t.power(t.add(t.delta(Ai, Aj), x(Ai)), 2)),
         t.add(t.ONE, t.mul(t.number(2), x(Aj)), t.total((Ai,), t.power(x(Ai), 2)))),
        (t.mul(t.delta(Ai, Aj), x(Ai)), t.mul(t.delta(Ai, Aj), x(Aj))),
        (
            t.total((Ai, Aj), t.mul(t.apply("sigmoid", t.add(x(Ai), t.negative(x(Aj)))), y(Ai))),
            t.total((Ai, Aj), t.mul(t.apply("sigmoid", t.add(x(Aj), t.negative(x(Ai)))), y(Aj))),
        ),
        (
            t.apply("tanh", t.add(x(Ai), t.negative(x(Aj)))),
            t.negative(t.apply("tanh", t.add(x(Aj), t.negative(x(Ai))))),
        ),
        (
            t.power(t.add(x(Ai), t.negative(x(Aj))), -3),
            t.negative(t.power(t.add(x(Aj), t.negative(x(Ai))), -3)),
        ),
        (t.apply("abs", t.add(x(Ai), t.negative(x(Aj)))),
         t.apply("abs", t.add(x(Aj), t.negative(x(Ai))))),
        (t.power(t.apply("abs", x(Ai)), 5),
         t.mul(t.power(x(Ai), 4), t.apply("abs", x(Ai)))),
        (t.apply("relu", t.negative(x(Ai))),
         t.add(t.apply("relu", x(Ai)), t.negative(x(Ai)))),
        (t.apply("step", t.apply("relu", t.negative(x(Ai)))),
         t.apply("step", t.negative(x(Ai)))),
        (t.apply("relu", t.apply("relu", x(Ai))), t.apply("relu", x(Ai))),
        (t.mul(*2 * [t.power(t.add(x(Ai), y(Ai)), Fraction(1, 2))]), t.add(x(Ai), y(Ai))),
        (t.mul(*2 * [t.power(t.power(x(Ai), 2), Fraction(1, 2))]), t.power(x(Ai), 2)),
        (t.apply("exp", t.mul(t.number(2), t.apply("log", x(Ai)))), t.power(x(Ai), 2)),
        (t.apply("log", t.apply("exp", x(Ai))), x(Ai)),
        (t.power(t.number(12), Fraction(1, 2)),
         t.mul(t.number(2), t.power(t.number(3), Fraction(1, 2)))),
        (t.power(t.number(Fraction(4, 9)), Fraction(-3, 2)), t.number(Fraction(27, 8))),
        (
            t.total((Bp,), t.softmax(Bp, t.entry("N", (Ai, Bp)))),
            t.ONE,
        ),
    ],
)  # fmt: skip
def test_equal_terms_have_one_form(left: Term, right: Term) -> None:
    assert normalise(left) == normalise(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        # Each pair agrees somewhere, and is not equal.
        (t.power(t.power(x(Ai), 2), Fraction(1, 2)), x(Ai)),
        (
            t.power(t.add(x(Ai), t.mul(t.number(-2), y(Ai))), Fraction(1, 2)),
            t.power(t.add(t.mul(t.number(2), y(Ai)), t.negative(x(Ai))), Fraction(1, 2)),
        ),
        (t.apply("abs", x(Ai)), x(Ai)),
        (t.apply("log", t.power(x(Ai), 2)), t.mul(t.number(2), t.apply("log", x(Ai)))),
        (t.apply("relu", x(Ai)), t.apply("step", x(Ai))),
        (t.apply("g", t.mul(t.number(2), x(Ai))), t.mul(t.number(2), t.apply("g", x(Ai)))),
        (t.apply("sigmoid", x(Ai)), t.apply("sigmoid", t.negative(x(Ai)))),
        (t.delta(Ai, Aj), t.ONE),
        (t.total((Ak,), x(Ai)), x(Ai)),
        (t.power(t.total((Ai,), x(Ai)), 2), t.total((Ai,), t.power(x(Ai), 2))),
        (t.total((Ai, Aj), M(Ai, Aj)), t.total((Ai,), M(Ai, Ai))),
        (
            t.total((Ai, Aj), t.mul(M(Ai, Aj), M(Ai, Aj))),
            t.total((Ai, Aj), t.mul(M(Ai, Aj), M(Aj, Ai))),
        ),
    ],
)
def test_unequal_terms_have_two_forms(left: Term, right: Term) -> None:
    assert normalise(left) != normalise(right)


@pytest.mark.parametrize(
    "term",
    [
        # A delta inside a function is nothing to contract, and draws the inner sum out.
        t.total((Ak,), t.mul(y(Ai), t.total((Ai,), g(t.delta(Ai, Ak))))),
        t.total((Ai,), t.mul(y(Ai), t.total((Ai,), g(t.delta(Ai, Aj))))),
        t.total((Ai,), t.mul(*2 * [t.total((Ak,), g(t.delta(Ai, Ak)))])),
        t.total((Ai, Ak), t.mul(t.delta(Ai, Ak), t.total((Ak,), g(t.delta(Ai, Ak))))),
    ],
)
def test_sums_that_are_joined_keep_their_indices_apart(term: Term) -> None:
    assert contract(term).free <= term.free
    assert_keeps_values(term, contract(term))


def test_what_is_above_the_line_does_not_cancel_what_is_below() -> None:
    quotient = t.mul(x(Ai), t.power(x(Ai), -1))
    assert gather_powers(quotient) is quotient
    assert gather_powers(t.mul(x(Ai), x(Ai), t.power(x(Ai), -1), t.power(x(Ai), -2))) is t.mul(
        t.power(x(Ai), 2), t.power(x(Ai), -3)
    )


def test_shared_factors_and_equal_parts_are_written_once() -> None:
    both = t.add(t.mul(x(Ai), y(Ai)), t.mul(t.number(2), x(Ai)), x(Ai))
    assert collect(both) is t.mul(x(Ai), t.add(y(Ai), t.number(3)))
    assert collect(t.add(x(Ai), y(Ai))) is t.add(x(Ai), y(Ai))


# ---------------------------------------------------------------- what is assumed of sums


def test_a_marginal_is_replaced_where_its_index_stands_nowhere_else() -> None:
    (sum_of_row,) = normalise(t.total((Aj,), M(Ai, Aj))).terms
    pattern, one = sum_of_row[0][0], normalise(t.ONE)

    def marginal(term: Term) -> object:
        return with_marginals(normalise(term), pattern, one)

    weighted = t.total((Ai, Aj), t.mul(M(Ai, Aj), x(Ai)))
    assert marginal(weighted) == normalise(t.total((Ai,), x(Ai)))
    assert marginal(t.power(weighted, 2)) == normalise(t.power(t.total((Ai,), x(Ai)), 2))
    assert marginal(t.total((Aj,), M(Ak, Aj))) == one
    assert marginal(t.total((Ai, Aj), M(Ai, Aj))) == normalise(t.size("i"))
    for kept in (
        t.total((Ai, Aj), t.mul(M(Ai, Aj), x(Aj))),
        t.total((Ai,), M(Ai, Ai)),
        t.total((Ai,), M(Ai, Aj)),
        t.total((Aj,), t.power(M(Ai, Aj), 2)),
        t.total((Ai,), x(Ai)),
        g(t.total((Aj,), M(Ai, Aj))),
    ):
        assert marginal(kept) == normalise(kept)


def test_values_of_atoms_are_put_in_their_place() -> None:
    atom = next(iter(normalise(x(Ai)).terms))[0][0]
    half = normalise(t.number(Fraction(1, 2)))
    term = t.add(t.power(x(Ai), -2), t.mul(x(Ai), y(Ai)), g(x(Ai)))

    assert with_values(normalise(term), {atom: half}) == normalise(
        t.add(t.number(4), t.mul(t.number(Fraction(1, 2)), y(Ai)), g(x(Ai)))
    )


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize(
    "term",
    [
        t.power(t.add(x(Ai), y(Ai)), 1000),
        t.power(t.mul(t.number(2), x(Ai)), 10**9),
        t.power(t.number(7), 10**9),
        t.mul(*(t.power(t.add(*(t.entry(f"z{k}{m}") for m in range(9))), 5) for k in range(3))),
    ],
)
def test_too_large_a_form_is_refused(term: Term) -> None:
    with pytest.raises(TooLargeError):
        normalise(term)


def test_a_term_nested_past_the_stack_is_refused() -> None:
    term = x(Ai)
    for _ in range(3000):
        term = t.apply("g", term)
    with pytest.raises(TooLargeError, match="nested too deeply"):
        normalise(term)


def test_a_division_by_zero_is_no_form() -> None:
    with pytest.raises(ZeroDivisionError):
        normalise(t.power(t.add(x(Ai), t.negative(x(Ai))), -1))


def test_a_root_of_a_negative_number_is_no_form() -> None:
    with pytest.raises(ValueError, match="negative number"):
        normalise(t.power(t.number(-2), Fraction(1, 2)))


@pytest.mark.parametrize(
    ("term", "positive"),
    [
        (t.add(t.ONE, t.power(x(Ai), 2)), True),
        (t.add(t.ONE, x(Ai)), False),
        (t.power(x(Ai), 2), False),
        (t.total((Ai,), t.apply("exp", x(Ai))), True),
        (t.add(t.apply("exp", x(Ai)), t.negative(t.ONE)), False),
        (t.add(t.apply("abs", x(Ai)), t.size("i")), True),
        (t.add(t.total((Ai,), t.power(x(Ai), 2)), t.constant("pi")), True),
        (t.apply("tanh", x(Ai)), False),
        (t.ZERO, False),
        (t.apply("exp", x(Ai), 1), True),
        (t.apply("g", x(Ai)), False),
    ],
)
def test_what_is_known_to_be_positive(term: Term, positive: bool) -> None:
    assert normalise(term).positive is positive


def test_bound_indices_hide_free_ones_of_the_same_name() -> None:
    # x_i * sum_i(y_i): the two i are not one.
    term = t.mul(x(Ai), t.total((Ai,), y(Ai)))

    assert normalise(term) == normalise(t.mul(t.total((Am,), y(Am)), x(Ai)))
    assert normalise(term) != normalise(t.total((Ai,), t.mul(x(Ai), y(Ai))))
    assert set(EVERY) >= term.free == {Ai}
