"""The cases among which a witness is looked for: sizes, and numbers for all inputs.

From small to large and always the same. Whole numbers first, then fractions, then numbers drawn
from a fixed sequence: these meet the conditions that no regular pattern does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product

Position = tuple[int, ...]
Point = dict[tuple[str, Position], Fraction]
Fill = Callable[[str, int, Position, int], Fraction]

LARGEST_SIZE = 3
# Where no case of small sizes differs, one axis at a time is made longer.
LONGER_SIZES = (4, 5)
# With so many axes not all sizes are tried.
MOST_AXES = 8
# So many drawn points for each choice of sizes, and so many at least for all small ones.
DRAWN = 6
DRAWN_IN_ALL = 90
# Of coarse numbers, so many for each choice of sizes: only some of them meet where it matters.
DRAWN_COARSE = 24
# Where fewer points than ``ENOUGH`` had values, so many more are drawn at the first few sizes.
ENOUGH = 10
DRAWN_AGAIN = 120
FEW_SIZES = 3


def small_sizes(axes: int) -> list[tuple[int, ...]]:
    """Sizes of so many axes, the smaller ones first."""
    if axes < MOST_AXES:
        every: Iterable[tuple[int, ...]] = product(range(1, LARGEST_SIZE + 1), repeat=axes)
    else:
        every = _few_sizes(axes)
    return sorted(every, key=lambda s: (sum(s), max(s, default=0), s))


def longer_sizes(axes: int) -> list[tuple[int, ...]]:
    """Each axis by itself longer than ``small_sizes`` has it."""
    return [
        (rest,) * k + (longer,) + (rest,) * (axes - k - 1)
        for longer in LONGER_SIZES
        for rest in (1, 2)
        for k in range(axes)
    ]


def _few_sizes(axes: int) -> Iterator[tuple[int, ...]]:
    """All ones, all twos, and each axis by itself of another size than the rest."""
    yield (1,) * axes
    yield (2,) * axes
    for k in range(axes):
        for one, rest in ((2, 1), (1, 2)):
            yield (rest,) * k + (one,) + (rest,) * (axes - k - 1)


def filled(shapes: Mapping[str, Sequence[int]], fill: Fill) -> Point:
    """A number for every entry of tensors of given shapes."""
    point: Point = {}
    for number, (name, shape) in enumerate(sorted(shapes.items())):
        for k, position in enumerate(product(*map(range, shape))):
            point[name, position] = fill(name, number, position, k)
    return point


def _counting(name: str, number: int, position: Position, k: int) -> Fraction:
    return Fraction(1 + (k + number) % 4)


def _signed(name: str, number: int, position: Position, k: int) -> Fraction:
    return Fraction((-2, 3, 1, -1, 2, -3)[(5 * k + 3 * number + sum(position)) % 6])


def _probability(name: str, number: int, position: Position, k: int) -> Fraction:
    return Fraction(1 + (2 * k + number) % 5, 7)


def _one_hot(name: str, number: int, position: Position, k: int) -> Fraction:
    """Rows that sum to one, whichever axis is last."""
    if name.lower().startswith(("y", "t", "p")):
        return Fraction(int(position[-1] == 0)) if position else Fraction(1)
    return _counting(name, number, position, k)


def _one_hot_columns(name: str, number: int, position: Position, k: int) -> Fraction:
    if name.lower().startswith(("y", "t", "p")):
        return Fraction(int(position[0] == 0)) if position else Fraction(1)
    return _signed(name, number, position, k)


FILLS: tuple[Fill, ...] = (_counting, _signed, _probability, _one_hot, _one_hot_columns)


def coarse(turn: int) -> Fill:
    """Numbers drawn from -1, 0 and 1, of which many are equal and many zero."""
    source = random.Random(turn)
    return lambda name, number, position, k: Fraction(source.randint(-1, 1))


def drawn(turn: int) -> Fill:
    """Numbers from a sequence of its own for each turn: between 0 and 1, small ones, whole ones."""
    source = random.Random(turn)

    def fill(name: str, number: int, position: Position, k: int) -> Fraction:
        if turn % 3 == 0:
            return Fraction(source.randint(1, 15), 16)
        if turn % 3 == 1:
            return Fraction(source.randint(-12, 12) or 1, 4)
        return Fraction(source.randint(-20, 20) or 1)

    return fill
