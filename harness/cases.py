"""Cases: the sizes, formats and numbers that a layer is run at; public Hypothesis strategies.

Every number is exactly representable in the case's format, so that what a layer is given is what
the reference is computed from. The first alternative of each strategy is the simplest one, which
is where a failure shrinks to: small sizes, small whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice, permutations
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from backproof.arrays import number_type
from backproof.oracles.formats import FORMATS as PRECISIONS
from backproof.spec.deriving.derive import Derivation
from backproof.spec.normal_form.signs import Sign, stated
from backproof.spec.program import Program
from backproof.spec.terms import Apply, Entry, Power, tensors_in, walk

FloatArray = NDArray[np.float64]

FORMATS = ("float64", "float32", "float16")
LARGEST_SIZE, LONG_SIZE = 160, 257
# The product of a case's sizes: what a layer written in plain loops has to run through.
LARGEST_WORK = 2**16
# Entries up to which a case's numbers are drawn one by one, so that each can shrink.
DRAWN_ENTRIES = 60
# Orders of the smallest sizes that are tried to make those that follow from them differ too.
ORDERS_TRIED = 2000


@dataclass(frozen=True)
class Case:
    """One point at which a layer is run.

    Attributes:
        sizes: of each axis.
        format: the name of the inputs' dtype.
        inputs: float64 arrays that hold the exact inputs, upstream gradients included.
        kind: of the numbers, such as ``whole`` or ``cancelling``.
    """

    sizes: Mapping[str, int]
    format: str
    inputs: Mapping[str, FloatArray]
    kind: str

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Fresh arrays of the case's dtype."""
        dtype = number_type(self.format)
        return {name: array.astype(dtype) for name, array in self.inputs.items()}


@dataclass(frozen=True)
class Inputs:
    """What a derivation has to be given.

    Attributes:
        axes: those of each input and upstream gradient, by name.
        samples: the axis of the samples.
        every_axis: all axes that the inputs have, and those that affine positions on them need.
        positive: whether the program takes logarithms or roots of them.
        signs: of the inputs whose signs the program assumes.
        rounded_to: a format in which all numbers are representable, whatever the case's own.
        program: what fixes some sizes, or makes them follow from others.
    """

    axes: Mapping[str, tuple[str, ...]]
    samples: str | None
    every_axis: tuple[str, ...]
    positive: bool
    rounded_to: str | None = None
    program: Program | None = None
    signs: Mapping[str, Sign] = field(default_factory=dict)

    def allows(self, name: str, value: float) -> bool:
        """Whether the program allows an entry of an input to have a value."""
        sign = self.signs.get(name, Sign.UNKNOWN)
        return value > 0 if sign is Sign.POSITIVE else value >= 0 or sign is Sign.UNKNOWN

    def signed(self, name: str, array: np.ndarray) -> np.ndarray:
        """An array with the signs that the program assumes, 1 where it may not be zero."""
        sign = self.signs.get(name, Sign.UNKNOWN)
        if sign is Sign.UNKNOWN:
            return array
        found = np.asarray(np.abs(array))
        if sign is Sign.POSITIVE:
            found[found == 0] = 1
        return found

    @property
    def free_axes(self) -> tuple[str, ...]:
        """The axes whose sizes nothing determines."""
        if self.program is None:
            return self.every_axis
        return tuple(axis for axis in self.every_axis if axis not in self.program.settled_axes)

    def consistent(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """The sizes of all axes, with those that the program determines as it has them."""
        if self.program is None:
            return dict(sizes)
        found = self.program.consistent(dict.fromkeys(self.program.axes, 2) | dict(sizes))
        return {axis: found[axis] for axis in self.every_axis}

    @property
    def distinct_sizes(self) -> dict[str, int]:
        """The smallest sizes above one that all differ: 2, 3, 4, ..."""
        axes = self.free_axes
        fixed = {s for a, s in self.consistent({}).items() if a not in axes} if axes else set()
        first = self.consistent(dict(zip(axes, range(2, 2 + len(axes)), strict=True)))
        if len(set(first.values())) == len(first):
            return first
        wider = range(2, 3 + len(axes) + len(fixed))
        for chosen in islice(permutations(wider, len(axes)), ORDERS_TRIED):
            found = self.consistent(dict(zip(axes, chosen, strict=True)))
            if len(set(found.values())) == len(found):
                return found
        return first

    @classmethod
    def of(cls, derivation: Derivation, wanted: Sequence[str] | None = None) -> Inputs:
        """The inputs that the wanted quantities depend on; of all quantities by default."""
        program = derivation.program
        upstreams = {g.name: g for g in derivation.gradients.values() if g.is_upstream}
        everything = [*program.defined, *(g.name for g in derivation.gradients.values())]
        needed = _reached(derivation, everything if wanted is None else wanted)
        axes = {name: program.tensors[name].axes for name in program.inputs if name in needed}
        for name, gradient in upstreams.items():
            if name in needed:
                axes[name] = tuple(i.axis for i in gradient.target.indices)
        used = {axis for found in axes.values() for axis in found}
        for node in reversed(program.positions):
            if node.left.axis in used:
                used |= {index.axis for index, _ in node.parts}
        every = tuple(a for a in program.axes if a in used)
        positive = _needs_positive(derivation)
        assumed = stated(program.assumptions).known
        signs = {tensor: sign for (tensor, _), sign in assumed.items() if tensor in axes}
        return cls(axes, program.samples, every, positive, program=program, signs=signs)


def _reached(derivation: Derivation, wanted: Sequence[str]) -> set[str]:
    """All names that the wanted ones are computed from, themselves included."""
    seen: set[str] = set()
    pending = list(wanted)
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        definition = derivation.definition(name)
        if definition is not None:
            pending += sorted(tensors_in(definition[1]))
    return seen


def _needs_positive(derivation: Derivation) -> bool:
    """Whether a program takes logarithms or fractional powers of its inputs."""
    for statement in derivation.program.statements:
        for node in walk(statement.value):
            if isinstance(node, Apply) and node.function in ("log", "sqrt"):
                return True
            partial = isinstance(node, Power) and (
                node.exponent.denominator != 1 or node.exponent < 0
            )
            if partial and any(isinstance(inner, Entry) for inner in walk(node)):
                return True
    return False


# ---------------------------------------------------------------- sizes


def sizes(axes: Sequence[str], samples: str | None = None) -> st.SearchStrategy[dict[str, int]]:
    """Sizes of axes: small, distinct, ones, equal, up to ``LARGEST_SIZE``, an empty batch."""
    small = st.tuples(*(st.integers(1, 6) for _ in axes))
    distinct = st.permutations(range(2, 2 + max(3, len(axes)))).map(lambda p: p[: len(axes)])
    equal = st.integers(1, 5).map(lambda k: (k,) * len(axes))
    ones = st.sets(st.integers(0, max(0, len(axes) - 1))).map(
        lambda chosen: tuple(1 if k in chosen else 3 + k for k in range(len(axes)))
    )
    large = st.tuples(*(st.sampled_from((1, 7, 16, 33, 64, LARGEST_SIZE)) for _ in axes)).map(
        _within_work
    )
    ways = [small, distinct, equal, ones, large]
    if samples in axes:
        at = list(axes).index(str(samples))
        empty = small.map(lambda s: (*s[:at], 0, *s[at + 1 :]))
        ways.append(empty)
    return st.one_of(*ways).map(lambda found: dict(zip(axes, found, strict=True)))


def _within_work(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Sizes with the largest halved until their product is small enough."""
    found = list(sizes)
    while math.prod(found) > LARGEST_WORK:
        found[found.index(max(found))] //= 2
    return tuple(found)


# ---------------------------------------------------------------- values

Fill = Callable[[np.random.Generator, tuple[int, ...], str], FloatArray]


def _whole(rng: np.random.Generator, shape: tuple[int, ...], format: str) -> FloatArray:
    return rng.integers(-3, 4, shape).astype(np.float64)


def _normal(rng: np.random.Generator, shape: tuple[int, ...], format: str) -> FloatArray:
    return rng.standard_normal(shape)


def _wide(rng: np.random.Generator, shape: tuple[int, ...], format: str) -> FloatArray:
    reach = 5 if format == "float16" else 20
    return rng.standard_normal(shape) * 2.0 ** rng.integers(-reach, reach + 1, shape)


def _cancelling(rng: np.random.Generator, shape: tuple[int, ...], format: str) -> FloatArray:
    """Neighbours along the last axis of nearly opposite value."""
    values = rng.standard_normal(shape)
    if shape and shape[-1] > 1:
        values[..., 1::2] = -values[..., : values.shape[-1] - 1 : 2] * (1 + 2.0**-9)
    return values


def _one_hot(rng: np.random.Generator, shape: tuple[int, ...], format: str) -> FloatArray:
    values = np.zeros(shape)
    if values.size and shape:
        flat = values.reshape(-1, shape[-1])
        flat[np.arange(len(flat)), rng.integers(0, shape[-1], len(flat))] = 1.0
    return values


def _sparse(rng: np.random.Generator, shape: tuple[int, ...], format: str) -> FloatArray:
    return rng.standard_normal(shape) * (rng.random(shape) < 0.2)


def _saturating(rng: np.random.Generator, shape: tuple[int, ...], format: str) -> FloatArray:
    return rng.standard_normal(shape) * (4.0 if format == "float16" else 30.0)


def _near_kink(rng: np.random.Generator, shape: tuple[int, ...], format: str) -> FloatArray:
    step = 2.0**-9 if format == "float16" else 2.0**-22
    return rng.integers(-1, 2, shape) + step * rng.integers(-1, 2, shape)


def _subnormal(rng: np.random.Generator, shape: tuple[int, ...], format: str) -> FloatArray:
    scale = float(np.sqrt(PRECISIONS[format].tiny))
    return rng.standard_normal(shape) * scale * 2.0 ** rng.integers(-3, 4, shape)


def _probability(rng: np.random.Generator, shape: tuple[int, ...], format: str) -> FloatArray:
    return rng.integers(1, 64, shape) / 64.0


VALUES: Mapping[str, Fill] = {
    "whole": _whole,
    "normal": _normal,
    "wide": _wide,
    "cancelling": _cancelling,
    "one-hot": _one_hot,
    "sparse": _sparse,
    "saturating": _saturating,
    "near-kink": _near_kink,
    "subnormal": _subnormal,
}


def fill(kind: str, seed: int, shape: tuple[int, ...], format: str) -> FloatArray:
    """Numbers of a kind, exactly representable in a format, the same for the same seed."""
    rng = np.random.default_rng(seed)
    make = VALUES.get(kind, _probability)
    with np.errstate(all="ignore"):
        return make(rng, shape, format).astype(number_type(format)).astype(np.float64)


def make_case(inputs: Inputs, found: Mapping[str, int], format: str, kind: str, seed: int) -> Case:
    """A case whose numbers come from a seed; sizes that follow from others are put right."""
    found = inputs.consistent(found)
    exact = format
    if inputs.rounded_to and PRECISIONS[inputs.rounded_to].u > PRECISIONS[format].u:
        exact = inputs.rounded_to
    arrays = {
        name: fill(_kind_for(inputs, kind), seed * 1009 + k, tuple(found[a] for a in axes), exact)
        for k, (name, axes) in enumerate(inputs.axes.items())
    }
    arrays = {name: inputs.signed(name, array) for name, array in arrays.items()}
    return Case(found, format, arrays, kind)


def _kind_for(inputs: Inputs, kind: str) -> str:
    return "probability" if inputs.positive else kind


@st.composite
def cases(
    draw: st.DrawFn,
    inputs: Inputs,
    formats: Sequence[str] = ("float64",),
    kinds: Sequence[str] = tuple(VALUES),
    sizes_from: st.SearchStrategy[dict[str, int]] | None = None,
) -> Case:
    """Cases for what a derivation has to be given."""
    chosen = inputs.consistent(
        draw(sizes_from if sizes_from is not None else sizes(inputs.free_axes, inputs.samples))
    )
    format = draw(st.sampled_from(list(formats)))
    kind = draw(st.sampled_from(list(kinds)))
    shapes = {name: tuple(chosen[a] for a in axes) for name, axes in inputs.axes.items()}
    entries = sum(int(np.prod(shape)) for shape in shapes.values())
    if kind == "whole" and entries <= DRAWN_ENTRIES and not inputs.positive:
        numbers = draw(st.lists(st.integers(-3, 3), min_size=entries, max_size=entries))
        flat = np.array(numbers, dtype=np.float64)
        arrays, at = {}, 0
        for name, shape in shapes.items():
            count = int(np.prod(shape))
            arrays[name] = inputs.signed(name, flat[at : at + count].reshape(shape))
            at += count
        return Case(chosen, format, arrays, kind)
    seed = draw(st.integers(0, 2**20))
    return make_case(inputs, chosen, format, kind, seed)


def plan(inputs: Inputs, format: str, count: int, seed: int) -> list[Case]:
    """A fixed list of cases that meets every kind of sizes and of numbers, then random ones.

    Hypothesis draws the sizes' families and the numbers' kinds by chance; a short run would miss
    some. This list is what every run does first.
    """
    rng = np.random.default_rng(seed)
    axes = inputs.free_axes
    distinct = inputs.distinct_sizes
    small = {axis: distinct[axis] for axis in axes}
    # Where there are positions, one statement runs over nearly all axes at once.
    at_once = inputs.program is not None and bool(inputs.program.positions)
    among = dict.fromkeys(axes, 2) if at_once else small
    families: list[dict[str, int]] = [
        small,
        dict(zip(axes, range(1 + len(axes), 1, -1), strict=True)),
        # One axis long: what stops after so many samples, inputs or outputs shows here.
        *({**among, a: LONG_SIZE} for a in axes),
        # Two axes of one size: where a wrong product runs at all.
        *({**small, a: 4, b: 4} for a, b in combinations(axes, 2)),
        # One axis of length 1 beside longer ones: what is squeezed or broadcast there.
        *({**small, a: 1} for a in axes if not at_once),
        dict.fromkeys(axes, 1),
        dict.fromkeys(axes, 3),
        {a: (17, 5, 9, 4)[k % 4] for k, a in enumerate(axes)},
        {a: (64, 33, 16, 7)[k % 4] for k, a in enumerate(axes)},
    ]
    if inputs.samples in axes:
        families.append({a: 0 if a == inputs.samples else 3 + k for k, a in enumerate(axes)})
    if at_once:
        families = [
            dict(zip(axes, _within_work(tuple(f[a] for a in axes)), strict=True)) for f in families
        ]
    kinds = list(VALUES)
    found = []
    for k in range(count):
        chosen = families[k % len(families)]
        kind = kinds[(k * 4 + k // len(families)) % len(kinds)]
        found.append(make_case(inputs, chosen, format, kind, int(rng.integers(2**31))))
    return found
