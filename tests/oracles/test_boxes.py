"""Interval arithmetic holds every exact result, and every honest float64 one."""

from fractions import Fraction

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.oracles import boxes
from backproof.oracles.balls import precision
from backproof.oracles.boxes import Box

# Across float64's range, subnormal numbers and exact zeros included.
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-4, 4, allow_nan=False),
    st.sampled_from([0.0, 1.0, -1.0, 5e-324, 2.0**-1022, 1.7e308]),
)


@st.composite
def boxed(draw: st.DrawFn) -> tuple[Box, float]:
    """A box of one entry and a float64 in it; now and then a known number."""
    ends = sorted((draw(numbers), draw(numbers)))
    if draw(st.booleans()):
        return boxes.point(np.array([ends[0]])), ends[0]
    inside = draw(st.sampled_from([ends[0], ends[1], min(max(0.0, ends[0]), ends[1])]))
    return Box(np.array([ends[0]]), np.array([ends[1]])), inside


def holds(box: Box, value: Fraction) -> bool:
    """Whether a number lies in the only entry of a box."""
    low, high = float(box.low.item()), float(box.high.item())
    return (low == -np.inf or Fraction(low) <= value) and (
        high == np.inf or value <= Fraction(high)
    )


@given(boxed(), boxed())
def test_sums_products_and_quotients(left: tuple[Box, float], right: tuple[Box, float]) -> None:
    (a, x), (b, y) = left, right
    exact_x, exact_y = Fraction(x), Fraction(y)
    with np.errstate(all="ignore"):
        assert holds(boxes.add(a, b), exact_x + exact_y)
        assert holds(boxes.subtract(a, b), exact_x - exact_y)
        assert holds(boxes.multiply(a, b), exact_x * exact_y)
        assert holds(boxes.hull(a, b), exact_x)
        assert holds(boxes.hull(a, b), exact_y)
        assert holds(boxes.modulus(a), abs(exact_x))
        if y:
            assert holds(boxes.divide(a, b), exact_x / exact_y)
            rounded = float(np.float64(x) / np.float64(y))
            assert not np.isfinite(rounded) or holds(boxes.divide(a, b), Fraction(rounded))


@given(boxed(), st.integers(-4, 5))
def test_integer_powers(pair: tuple[Box, float], exponent: int) -> None:
    box, x = pair
    if x or exponent >= 0:
        with np.errstate(all="ignore"):
            assert holds(boxes.integer_power(box, exponent), Fraction(x) ** exponent)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8))
def test_totals_in_any_order(ends: list[tuple[float, float]]) -> None:
    low = np.array([min(pair) for pair in ends])
    high = np.array([max(pair) for pair in ends])
    with np.errstate(all="ignore"):
        total = boxes.total(Box(low, high), (0,))
        known = boxes.total(boxes.point(low), (0,))
        backwards = sum(low.tolist()[::-1])
    assert holds(total, sum(map(Fraction, low.tolist()), Fraction(0)))
    assert holds(total, sum(map(Fraction, high.tolist()), Fraction(0)))
    assert holds(known, sum(map(Fraction, low.tolist()), Fraction(0)))
    assert not np.isfinite(backwards) or holds(known, Fraction(backwards))


@pytest.mark.parametrize("name", boxes.MONOTONE)
@given(st.data())
def test_monotone_functions(name: str, data: st.DataObject) -> None:
    positive = name in ("log", "sqrt", "rsqrt")
    least = 1e-300 if positive else -0.999 if name == "log1p" else -800.0
    reach = st.floats(least, 800.0, allow_nan=False)
    first, middle, last = sorted(data.draw(st.tuples(reach, reach, reach)))
    function = boxes.MONOTONE[name]
    box = boxes.monotone(Box(np.array([first]), np.array([last])), function)
    with precision(300):
        exact = function.enclosed(flint.arb(middle))
        assert not exact < flint.arb(box.low.item())
        assert box.high.item() == np.inf or not exact > flint.arb(box.high.item())
    assert function.least <= box.low.item() <= box.high.item() <= function.greatest


def test_exact_operations_are_not_widened() -> None:
    one, two, zero = (boxes.point(np.array([v])) for v in (1.0, 2.0, 0.0))
    assert boxes.add(one, two).is_point
    third = Box(np.array([0.3]), np.array([0.4]))
    vanished = boxes.multiply(third, zero)
    assert (vanished.low.item(), vanished.high.item()) == (0.0, 0.0)
    summed = boxes.add(third, zero)
    assert (summed.low.item(), summed.high.item()) == (0.3, 0.4)
    assert boxes.integer_power(third, 1) is third


def test_division_by_an_interval_around_zero_says_nothing() -> None:
    around = Box(np.array([-1.0, 0.0, 0.5]), np.array([1.0, 2.0, 2.0]))
    with np.errstate(all="ignore"):
        quotient = boxes.divide(boxes.point(np.array([1.0, 1.0, 0.0])), around)
    assert quotient.low.tolist() == [-np.inf, -np.inf, 0.0]
    assert quotient.high.tolist() == [np.inf, np.inf, 0.0]


def test_powers_with_any_exponent() -> None:
    base = Box(np.array([2.0, -1.0]), np.array([3.0, 1.0]))
    box = boxes.real_power(base, boxes.rounded_constant(1 / 3))
    with precision(200):
        for x in (2, 2.5, 3):
            exact = flint.arb(x).root(3)
            assert flint.arb(box.low[0].item()) < exact < flint.arb(box.high[0].item())
    assert (box.low[1], box.high[1]) == (-np.inf, np.inf)


def test_a_tie_leaves_a_comparison_open() -> None:
    left = Box(np.array([0.0, 1.0, -2.0, 0.0]), np.array([0.0, 2.0, -1.0, 1.0]))
    answer = boxes.above(left, boxes.point(np.zeros(4)))
    assert answer.low.tolist() == [False, True, False, False]
    assert answer.high.tolist() == [True, True, False, True]
    chosen = boxes.choose(answer, boxes.point(np.full(4, 5.0)), boxes.point(np.full(4, 7.0)))
    assert chosen.low.tolist() == [5.0, 7.0, 5.0, 5.0]
    assert chosen.high.tolist() == [7.0, 7.0, 5.0, 7.0]
    contrary = boxes.opposite(answer)
    assert contrary.low.tolist() == [False, False, True, False]
    assert contrary.high.tolist() == [True, False, True, True]


def test_equality_and_sign() -> None:
    left = Box(np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 4.0]))
    same = boxes.equal(left, boxes.point(np.array([0.0, 0.0, 3.5])))
    assert same.low.tolist() == [False, False, False]
    assert same.high.tolist() == [True, False, True]
    whole = boxes.equal(boxes.point(np.array([1, 2])), boxes.point(np.array([1, 3])))
    assert whole.low.tolist() == whole.high.tolist() == [True, False]
    signs = boxes.sign(Box(np.array([-1.0, 1.0, -2.0]), np.array([1.0, 2.0, -1.0])))
    assert signs.low.tolist() == [-1.0, 1.0, -1.0]
    assert signs.high.tolist() == [1.0, 1.0, -1.0]


def test_constants_of_a_library_are_widened_unless_they_are_short() -> None:
    box = boxes.rounded_constant(np.array([0.5, -3.0, 0.01, np.inf]))
    assert box.low.tolist()[:2] == box.high.tolist()[:2] == [0.5, -3.0]
    assert Fraction(box.low[2].item()) < Fraction(1, 100) < Fraction(box.high[2].item())
    assert box.low[3] == box.high[3] == np.inf
    assert boxes.rounded_constant(3).is_point


@given(boxed())
def test_middle_and_radius_cover_the_box(pair: tuple[Box, float]) -> None:
    box, _ = pair
    value, radius = boxes.middle_and_radius(box)
    assert np.isfinite(value.item())
    if np.isfinite(radius.item()):
        for end in (box.low, box.high):
            assert abs(Fraction(end.item()) - Fraction(value.item())) <= Fraction(radius.item())
