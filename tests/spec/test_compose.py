"""Renaming, reordering and joining of programs keep what they mean."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.spec import terms as t
from backproof.spec.deriving.compose import (
    on_axes,
    program_text,
    renamed,
    reordered,
    statement_terms,
)
from backproof.spec.errors import SpecError
from backproof.spec.layer import Spec, bind_functions
from backproof.spec.library import dense, layouts
from backproof.spec.naming import name_bound
from backproof.spec.terms import Index, Term
from tests.spec.random_terms import (
    EVERY,
    FIXED,
    FREE,
    SIZES,
    TENSORS,
    Undefined,
    entry_value,
    places,
    program,
    terms,
    value,
)

LETTERS = {i.name: f"{i.name}_{i.name}" for i in EVERY}
NEW = tuple(Index(LETTERS[i.name], LETTERS[i.axis]) for i in FREE)
NEW_SIZES = {LETTERS[axis]: size for axis, size in SIZES.items()}


def prefixed(name: str, at: tuple[int, ...]) -> Fraction:
    return entry_value(name.removeprefix("new"), at)


@FIXED
@given(terms(functions=("g", "relu"), powers=(2, -1), depth=4))
def test_renaming_changes_names_alone(term: Term) -> None:
    moved = renamed(term, {name: f"new{name}" for name in TENSORS}, LETTERS)
    assert t.tensors_in(moved) == {f"new{name}" for name in t.tensors_in(term)}
    for old, new in zip(places(FREE), places(NEW, NEW_SIZES), strict=True):
        try:
            expected = value(term, old)
        except Undefined:
            continue
        assert value(moved, new, NEW_SIZES, prefixed) == expected


@FIXED
@given(terms(functions=("g",), depth=3), st.booleans())
def test_transposing_a_tensor_twice_changes_nothing(term: Term, swapped: bool) -> None:
    order = (1, 0) if swapped else (0, 1)
    once = reordered(term, "M", order)
    assert reordered(once, "M", order) is term

    def transposed(name: str, at: tuple[int, ...]) -> Fraction:
        return entry_value(name, tuple(at[k] for k in order) if name == "M" else at)

    for at in places(FREE):
        assert value(once, at, SIZES, transposed) == value(term, at)


@FIXED
@given(terms(functions=("g",), depth=3))
def test_other_axes_change_sizes_alone(term: Term) -> None:
    # Both axes as one of size two: as before, where the second one had size two as well.
    moved = on_axes(term, {"p": "i"})
    for at in places(FREE, {"i": 2, "p": 2}):
        there = {Index(i.name, "i"): position for i, position in at.items()}
        assert value(moved, there, {"i": 2}) == value(term, at, {"i": 2, "p": 2})


def test_axes_that_stand_for_others_are_followed() -> None:
    term = t.entry("x", (Index("a", "third"),))
    assert on_axes(term, {"third": "second", "second": "first"}) is t.entry(
        "x", (Index("a", "first"),)
    )
    assert on_axes(term, {}) is term


def test_two_indices_of_one_letter_stay_two_where_their_axes_become_one() -> None:
    first, second = Index("k", "i"), Index("k", "p")
    term = t.total(
        (first,), t.mul(t.entry("x", (first,)), t.total((second,), t.entry("u", (second,))))
    )
    inside = t.total((second,), t.mul(t.entry("x", (first,)), t.entry("u", (second,))))

    one = {"i": 2, "p": 2}
    assert value(on_axes(term, {"p": "i"}), {}, {"i": 2}) == value(term, {}, one)
    moved = on_axes(inside, {"p": "i"})
    assert moved.free == {first}
    for k in range(2):
        assert value(moved, {first: k}, {"i": 2}) == value(inside, {first: k}, one)


@FIXED
@given(terms(functions=("g", "relu"), powers=(2, -1), depth=4))
def test_letters_of_a_program_for_bound_indices_keep_the_value(term: Term) -> None:
    named_ = name_bound(program(TENSORS), term, FREE)
    assert named_.free == term.free
    for at in places(FREE):
        try:
            expected = value(term, at)
        except Undefined:
            continue
        assert value(named_, at) == expected


def test_letters_of_free_indices_are_not_taken_for_bound_ones() -> None:
    term = t.total((EVERY[2],), t.entry("M", (EVERY[0], EVERY[2])))
    named_ = name_bound(program(TENSORS), term, ())
    assert named_.free == term.free == {EVERY[0]}
    assert value(named_, {EVERY[0]: 1}) == value(term, {EVERY[0]: 1})


@FIXED
@given(terms(functions=("g",), depth=4))
def test_no_letter_is_bound_where_it_means_something(term: Term) -> None:
    named_ = name_bound(program(TENSORS), term, FREE)
    pending = [(named_, frozenset(FREE))]
    while pending:
        node, outer = pending.pop()
        if isinstance(node, t.Sum):
            assert not {i.name for i in node.indices} & {i.name for i in outer}
            outer |= set(node.indices)
        pending += [(child, outer) for child in node.children]


@pytest.mark.parametrize("layout", layouts())
def test_a_program_written_out_reads_back(layout: str) -> None:
    program_ = dense(layout=layout).program
    roles = {a.role: a.letters for a in program_.axes.values()}
    text = program_text(roles, statement_terms(program_, {}, {}))
    back = Spec(text).program

    assert back.axes == program_.axes
    assert [s.value for s in back.statements] == [s.value for s in program_.statements]
    assert [s.target for s in back.statements] == [s.target for s in program_.statements]


def test_statements_are_renamed_on_both_sides() -> None:
    pairs = statement_terms(dense().program, {"Z": "Z1", "W": "W1"}, {"o": "h"})
    assert repr(pairs[0]) == "(<Z1[n,h]>, <sum[i](X[n,i]*W1[h,i]) + b[h]>)"
    assert repr(pairs[1]) == "(<A[n,h]>, <g(Z1[n,h])>)"


# ---------------------------------------------------------------- binding functions


def test_a_known_function_takes_the_place_of_an_abstract_one() -> None:
    spec = Spec("y[n] = g(x[n]) + h(g'(x[n]))", functions={"g": "tanh"})
    assert repr(spec.program.statement("y").value) == "<tanh(x[n]) + h(tanh'(x[n]))>"
    assert spec.program.functions == ("h",)


def test_a_linear_function_disappears() -> None:
    spec = Spec("y[n] = g(x[n])", functions={"g": "linear"})
    assert spec.program.statement("y").value is t.entry("x", (Index("n", "n"),))


def test_assumptions_speak_of_the_known_function_too() -> None:
    spec = Spec("y[n] = g(x[n])\nassume g(x[n]) = 1", functions={"g": "relu"})
    (assumption,) = spec.program.assumptions
    assert assumption.left is spec.program.statement("y").value


@pytest.mark.parametrize(
    ("text", "functions", "message"),
    [
        ("y[n] = g(x[n])", {"h": "relu"}, "no abstract function named 'h'"),
        ("y[n] = g(x[n])", {"g": "swish"}, "unknown activation 'swish'"),
        ("y[n] = g(x[n])", {"g": "softmax"}, "exactly one axis whose role is outputs"),
        ("axes n: outputs\ny[n] = g'(x[n])", {"g": "softmax"}, "exactly one axis"),
        ("axes n, m: outputs\ny[n,m] = g(x[n]*x[m])", {"g": "softmax"}, "exactly one axis"),
    ],
)
def test_functions_that_cannot_be_bound(text: str, functions: dict[str, str], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Spec(text, functions=functions)


def test_binding_nothing_changes_nothing() -> None:
    program_ = dense().program
    assert bind_functions(program_, {}) is program_
