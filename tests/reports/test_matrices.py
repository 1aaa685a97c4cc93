from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.reports import matrices
from backproof.reports.finding import Counterexample
from backproof.reports.wording import ASCII_SIGNS, UNICODE_SIGNS
from tests.reports.strategies import arrays

QUICK = settings(max_examples=150, deadline=None)
floats = st.floats(allow_nan=False, allow_infinity=False)


def _drawn(blocks: list[matrices.Block], width: int = 80) -> list[str]:
    return [
        "".join(piece.text for piece in line).rstrip()
        for line in matrices.side_by_side(blocks, width)
    ]


def _outputs(expected: Any, got: Any, quantity: str = "dW") -> list[str]:
    case = Counterexample(expected=expected, got=got)
    return _drawn(matrices.outputs(case, quantity, UNICODE_SIGNS, 80))


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (1, ()),
        ("1/2", ()),
        ([], (0,)),
        ([[], []], (2, 0)),
        ([1, 2], (2,)),
        ([(1, 2), [3, 4], [5, 6]], (3, 2)),
        ([[1], 2], None),
        ([[1], [1, 2]], None),
        ([[[1], [2]], [[1]]], None),
    ],
)
def test_shape(value: Any, shape: tuple[int, ...] | None) -> None:
    assert matrices.shape(value) == shape


def test_matrices_stand_side_by_side_and_below_one_another_when_there_is_no_room() -> None:
    case = Counterexample(inputs={"X": [[1, 2.5], [-3, 4]], "b": [0, 1], "c": 7})
    wide = matrices.inputs(case, UNICODE_SIGNS, 80)

    assert _drawn(wide) == [
        "X (2 × 2)      b           c",
        "⎡  1  2.5 ⎤    [ 0  1 ]    7",
        "⎣ -3    4 ⎦",
    ]
    assert _drawn(wide, width=26) == [
        "X (2 × 2)      b",
        "⎡  1  2.5 ⎤    [ 0  1 ]",
        "⎣ -3    4 ⎦",
        "",
        "c",
        "7",
    ]


def test_larger_arrays_are_shown_slice_by_slice() -> None:
    cube = [[[layer * 10 + row] for row in range(2)] for layer in range(5)]

    assert _drawn(matrices.blocks("T", cube, ASCII_SIGNS, 80)) == [
        "T[0] (2 x 1)    T[1] (2 x 1)    T[2] (2 x 1)    T[3] (2 x 1)    ..",
        "[ 0 ]           [ 10 ]          [ 20 ]          [ 30 ]          1 more",
        "[ 1 ]           [ 11 ]          [ 21 ]          [ 31 ]",
    ]


def test_rows_and_columns_without_room_are_left_out_with_dots() -> None:
    large = [[row * 100 + column for column in range(30)] for row in range(30)]
    lines = _drawn(matrices.blocks("W", large, UNICODE_SIGNS, 24))

    assert lines == [
        "W (30 × 30)",
        "⎡   0    1    2  … ⎤",
        "⎢ 100  101  102  … ⎥",
        "⎢ 200  201  202  … ⎥",
        "⎢ 300  301  302  … ⎥",
        "⎢ 400  401  402  … ⎥",
        "⎢ 500  501  502  … ⎥",
        "⎢ 600  601  602  … ⎥",
        "⎣ … 23 more rows   ⎦",
    ]


def test_arrays_without_entries_and_ragged_lists_are_said_and_not_drawn() -> None:
    assert _drawn(matrices.blocks("X", [[], []], UNICODE_SIGNS, 80)) == ["X (2 × 0)", "no entries"]
    assert _drawn(matrices.blocks("X", [[1], 2], UNICODE_SIGNS, 80)) == ["X", "[[1], 2]"]


def test_the_entries_that_differ_are_marked() -> None:
    assert _outputs([[1, 2], [3, 4]], [[1, 2.0], [5, 4]]) == [
        "expected dW (2 × 2)    got dW (2 × 2)",
        "⎡ 1  2 ⎤               ⎡ 1   2 ⎤",
        "⎣ 3  4 ⎦               ⎣ 5✗  4 ⎦",
    ]


def test_as_many_digits_are_shown_as_tell_the_two_apart() -> None:
    assert _outputs([0.1, 1 / 3], [0.1, 1 / 3]) == [
        "expected dW          got dW",
        "[ 0.1  0.333333 ]    [ 0.1  0.333333 ]",
    ]
    assert _outputs([0.1, 1 / 3], [0.1, 0.33333334]) == [
        "expected dW             got dW",
        "[ 0.1  0.333333333 ]    [ 0.1  0.33333334✗ ]",
    ]
    assert _outputs(0.1, 0.1 + 2**-56) == [
        "expected dW    got dW",
        "0.1            0.10000000000000002✗",
    ]


def test_an_exact_rational_is_compared_by_its_value() -> None:
    assert _outputs(["1/3", "2/4"], [1 / 3, "1/2"]) == [
        "expected dW     got dW",
        "[ 1/3  2/4 ]    [ 0.333333  1/2 ]",
    ]


@pytest.mark.parametrize(
    ("expected", "got", "marked"),
    [
        (0.0, -0.0, False),
        (math.nan, math.nan, False),
        (math.inf, math.inf, False),
        (math.inf, -math.inf, True),
        ("nan", 1.0, True),
        (True, 1, False),
        (2**53 + 1, 2.0**53, False),
        (2**53 + 1, 2**53, True),
        ("1/3", "2/6", False),
        ("1/3", "1/2", True),
        ("1/3", 0.5, True),
        ("1/0", "1/0", False),
        ("1/0", "2/0", True),
        ("1e999999999", 1.0, True),
    ],
)
def test_what_counts_as_different(expected: Any, got: Any, marked: bool) -> None:
    assert ("✗" in "".join(_outputs(expected, got))) == marked


def test_an_integer_beyond_all_floats_is_nearest_to_infinity() -> None:
    assert "✗" not in "".join(_outputs(10**400, math.inf))
    assert "✗" in "".join(_outputs(-(10**400), math.inf))


def test_several_quantities_are_paired_by_name() -> None:
    assert _outputs({"dW": 1, "db": [2]}, {"db": [2], "dX": 3}) == [
        "expected dW    expected db    got db    got dX",
        "1              [ 2 ]          [ 2 ]     3",
    ]
    assert _outputs({"dW": 1}, 2) == ["expected dW    got dW", "1              2✗"]


def test_different_shapes_are_not_compared_entry_by_entry() -> None:
    assert "✗" not in "".join(_outputs([[1, 2]], [[3], [4]]))


def test_words_in_place_of_a_value_are_broken_into_lines() -> None:
    lines = _drawn(matrices.blocks("got", "IndexError: " + "far out " * 20, UNICODE_SIGNS, 40), 40)

    assert " ".join(lines[1:]) == "IndexError: " + "far out " * 19 + "far out"


@QUICK
@given(floats, floats)
def test_a_mark_is_there_exactly_when_two_numbers_differ(one: float, other: float) -> None:
    assert ("✗" in "".join(_outputs([one, 1.0], [other, 1.0]))) == (one != other)


@QUICK
@given(floats)
def test_an_input_can_be_typed_in_again(value: float) -> None:
    (_, line) = _drawn(matrices.blocks("X", value, UNICODE_SIGNS, 80))

    assert float(line) == value


@QUICK
@given(st.dictionaries(st.text(max_size=8), arrays, max_size=3), st.integers(20, 100))
def test_no_block_is_wider_than_asked(inputs: dict[str, Any], width: int) -> None:
    blocks = matrices.inputs(Counterexample(inputs=inputs), UNICODE_SIGNS, width)

    assert [block for block in blocks if block.width > width] == []
    assert [line for line in _drawn(blocks, width) if len(line) > width] == []
