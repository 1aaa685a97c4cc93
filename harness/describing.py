"""Describing wrong results that no equation of the catalogue reproduces.

Some have a cause that shows in the numbers alone: a narrower format, one sample for all, a
factor. Of the rest it is said where they differ from the right result, and how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from backproof.cases import Case
from backproof.checking import BAD, Checker, Judgement, State
from backproof.oracles.formats import FORMATS
from backproof.oracles.reference import Bounded, reference
from backproof.spec.mistakes import Mistake

# How many cases have to tell an explanation from the right equation.
TELLING = 2


def simply_described(
    checker: Checker, quantity: str, judgements: Sequence[Judgement]
) -> Mistake | None:
    """A cause that shows in the numbers alone; None if none does.

    Args:
        checker: the subject's.
        quantity: what is wrong.
        judgements: of runs that gave a result, at sizes and numbers of several kinds.
    """
    for explanation in (_as_not_finite, _as_scaled, _as_lower_precision, _as_one_sample):
        mistake = explanation(checker, quantity, judgements)
        if mistake is not None:
            return mistake
    return None


def described(checker: Checker, quantity: str, judgements: Sequence[Judgement]) -> Mistake:
    """What can be said of wrong results of which no cause is known."""
    if all(j.state is State.SHAPE for j in judgements):
        return Mistake("shape", "other", judgements[0].note)
    words = "no mistake of the catalogue gives these results"
    found = residual(checker, quantity, judgements)
    if found is None:
        return Mistake("other", "none fits", words)
    return Mistake("other", found, f"{words}; {found}")


def matches(j: Judgement, bounded: Bounded) -> bool:
    """Whether a result is what the wrong form gives, within that form's own bound."""
    assert j.got is not None
    got, value = j.got, np.asarray(bounded.value)
    allowed = np.asarray(bounded.radius) + np.asarray(bounded.own)
    if got.shape != value.shape:
        # An axis of size 1 may have been dropped on the way, as of a bias's row.
        if np.squeeze(got).shape != np.squeeze(value).shape:
            return False
        got, value, allowed = np.squeeze(got), np.squeeze(value), np.squeeze(allowed)
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(got.astype(np.float64) - value) <= allowed))


def _as_not_finite(
    checker: Checker, quantity: str, judgements: Sequence[Judgement]
) -> Mistake | None:
    wrong = [j for j in judgements if j.state in BAD]
    if not wrong or any(j.state is not State.NONFINITE for j in wrong):
        return None
    words = "not finite where the exact result is: an overflow on the way, or 0/0"
    return Mistake("other", "not finite", words)


def _as_lower_precision(
    checker: Checker, quantity: str, judgements: Sequence[Judgement]
) -> Mistake | None:
    """Wrong in wide formats only, and within what a narrower one allows."""
    for name in ("float32", "float16"):
        narrow = FORMATS[name]
        wrong = [j for j in judgements if j.state in BAD]
        wide = [j for j in wrong if FORMATS[j.case.format].u < narrow.u]
        if len(wide) < TELLING or len(wide) < len(wrong):
            continue
        if any(j.state is not State.WRONG for j in wide):
            continue
        bounds = [
            reference(checker.derivation, j.case.inputs, narrow, wanted=(quantity,))[quantity]
            for j in wide
        ]
        if all(matches(j, bounded) for j, bounded in zip(wide, bounds, strict=True)):
            words = f"the result has the accuracy of {name} only"
            return Mistake("float-precision", name, words)
    return None


def _as_one_sample(
    checker: Checker, quantity: str, judgements: Sequence[Judgement]
) -> Mistake | None:
    """The first or the last sample alone, where a sum over the samples belongs."""
    samples = checker.inputs.samples
    several = [j for j in judgements if samples and j.case.sizes.get(samples, 0) > 1]
    if len(several) < TELLING:
        return None
    for word, which in (("first", slice(0, 1)), ("last", slice(-1, None))):
        if all(matches(j, _of_samples(checker, quantity, j.case, which)) for j in several):
            words = f"only the {word} sample counts, where a sum over the samples belongs"
            return Mistake("missing-sum", f"{word} sample only", words)
    return None


def _of_samples(checker: Checker, quantity: str, case: Case, which: slice) -> Bounded:
    samples = checker.inputs.samples
    inputs = {
        name: array[tuple(which if a == samples else slice(None) for a in axes)]
        for (name, axes), array in (
            ((name, checker.inputs.axes[name]), case.inputs[name]) for name in checker.inputs.axes
        )
    }
    format = FORMATS[case.format]
    return reference(checker.derivation, inputs, format, wanted=(quantity,))[quantity]


def as_reshaped(checker: Checker, quantity: str, judgements: Sequence[Judgement]) -> Mistake | None:
    """The right numbers, laid out by reshape where a transpose belongs, or the reverse."""
    # Whole numbers come out the same in whatever order they are summed.
    telling = [
        j
        for j in judgements
        if j.got is not None and j.got.ndim == 2 and j.case.kind in ("whole", "one-hot")
    ]
    if sum(j.state in BAD for j in telling) < TELLING:
        return None
    for j in telling:
        assert j.got is not None
        if j.got.shape != j.expected.shape or not np.array_equal(
            np.sort(j.got, axis=None), np.sort(j.expected.astype(j.got.dtype), axis=None)
        ):
            break
    else:
        words = "the entries are right but stand elsewhere: reshape does not transpose"
        return Mistake("shape", "reshaped", words)
    return None


def _as_scaled(checker: Checker, quantity: str, judgements: Sequence[Judgement]) -> Mistake | None:
    """One number times the right result, the same in all cases."""
    factors = [_factor(j) for j in judgements if j.state in BAD]
    known = [f for f in factors if f is not None]
    if len(known) < TELLING or len(known) < len(factors):
        return None
    middle = sorted(known)[len(known) // 2]
    # The factors are known to the rounding of single results, relative to how far from 1 they are.
    if any(abs(f - middle) > 1e-3 * abs(middle - 1.0) for f in known):
        return None
    simple = Fraction(middle).limit_denominator(1000)
    shown = str(simple) if abs(float(simple) - middle) <= 1e-9 and simple != 1 else f"{middle!r}"
    words = f"the result is {shown} times the right one in all cases"
    return Mistake("wrong-scale", f"times {shown}", words)


def _factor(j: Judgement) -> float | None:
    """The number by which a result is off, if every entry is off by it."""
    if j.got is None or j.got.shape != j.expected.shape:
        return None
    got = j.got.astype(np.float64)
    weight = float(np.sum(j.expected * j.expected))
    if weight == 0.0 or not np.isfinite(weight):
        return None
    ratio = float(np.sum(got * j.expected)) / weight
    if not np.isfinite(ratio) or ratio == 0.0:
        return None
    # Within what an honest result may be off, scaled alike.
    room = (1.0 + abs(ratio)) * j.bound + 2.0**-40 * float(np.max(np.abs(got)))
    off = float(np.max(np.abs(got - ratio * j.expected)))
    return ratio if off <= min(room, abs(ratio - 1.0) * float(np.max(np.abs(got))) / 4) else None


# ---------------------------------------------------------------- where the results differ


def residual(checker: Checker, quantity: str, judgements: Sequence[Judgement]) -> str | None:
    """How wrong results differ from the right ones, in all cases alike; None if in no such way."""
    differing = list(_differences(checker, quantity, judgements))
    if len(differing) < TELLING:
        return None
    for description in (_by_sign_of_z, _at_one_end, _but_for_signs, _by_one_number, _of_rank_one):
        found = description(checker, quantity, differing)
        if found is not None:
            return found
    return None


class _Difference:
    """A wrong result of the right shape, entry by entry."""

    def __init__(self, j: Judgement, bounded: Bounded) -> None:
        assert j.got is not None
        self.case = j.case
        self.got = j.got.astype(np.float64)
        self.right = np.asarray(bounded.value)
        self.gap = self.got - self.right
        with np.errstate(all="ignore"):
            room = np.asarray(bounded.radius) + np.asarray(bounded.own)
        self.room: NDArray[np.float64] = room
        # What adding something to the right result may round off.
        self.rounding: NDArray[np.float64] = FORMATS[j.case.format].u * np.abs(self.got)
        self.wrong: NDArray[np.bool_] = ~(np.abs(self.gap) <= room)


def _differences(
    checker: Checker, quantity: str, judgements: Sequence[Judgement]
) -> Iterator[_Difference]:
    for j in judgements:
        if j.state is State.WRONG and j.got is not None and j.got.shape == j.expected.shape:
            yield _Difference(j, checker.reference(j.case)[quantity])


def _by_sign_of_z(checker: Checker, quantity: str, differing: Sequence[_Difference]) -> str | None:
    """Only where a pre-activation of the same axes has one sign."""
    program = checker.derivation.program
    target = checker.derivation.definition(quantity)
    axes = None if target is None else [i.axis for i in target[0].indices]
    for name in program.defined:
        if list(program.tensors[name].axes) != axes or name == quantity:
            continue
        signs = []
        for d in differing:
            format = FORMATS[d.case.format]
            value = np.asarray(
                reference(checker.derivation, d.case.inputs, format, wanted=(name,))[name].value
            )
            signs.append((value, d.wrong))
        for word, test in _SIGNS:
            inside = [test(value) for value, _ in signs]
            both = all(0 < np.count_nonzero(where) < where.size for where in inside)
            if both and all(not np.any(w & ~i) for i, (_, w) in zip(inside, signs, strict=True)):
                return f"only entries where {name} {word} are wrong"
    return None


_SIGNS: tuple[tuple[str, Callable[[NDArray[np.float64]], NDArray[np.bool_]]], ...] = (
    ("is negative", lambda z: z < 0),
    ("is positive", lambda z: z > 0),
)


def _at_one_end(checker: Checker, quantity: str, differing: Sequence[_Difference]) -> str | None:
    """Only at the first or last place along an axis, or only after the first."""
    target = checker.derivation.definition(quantity)
    if target is None:
        return None
    roles = {a.name: a.role for a in checker.derivation.program.axes.values()}
    for k, index in enumerate(target[0].indices):
        several = [d for d in differing if d.wrong.shape[k] > 1]
        if len(several) < TELLING:
            continue
        word = {"samples": "sample", "inputs": "input", "outputs": "output"}.get(
            str(roles.get(index.axis)), f"entry along {index.name}"
        )
        along = [np.moveaxis(d.wrong, k, 0) for d in several]
        for words, right in (
            (f"only the first {word} is wrong", slice(1, None)),
            (f"only the last {word} is wrong", slice(None, -1)),
            (f"the first {word} is right, those after it are wrong", slice(0, 1)),
            (f"the last {word} is right, those before it are wrong", slice(-1, None)),
        ):
            if all(not np.any(w[right]) for w in along):
                return words
    return None


def _but_for_signs(checker: Checker, quantity: str, differing: Sequence[_Difference]) -> str | None:
    if all(np.all(np.abs(np.abs(d.got) - np.abs(d.right)) <= d.room) for d in differing):
        return "the entries are right but for their signs"
    return None


def _by_one_number(checker: Checker, quantity: str, differing: Sequence[_Difference]) -> str | None:
    several = [d for d in differing if d.gap.size > 1]
    if len(several) < TELLING:
        return None
    if all(float(np.ptp(d.gap)) <= 2 * float(np.max(d.room + d.rounding)) for d in several):
        return "all entries are off by one and the same number"
    return None


def _of_rank_one(checker: Checker, quantity: str, differing: Sequence[_Difference]) -> str | None:
    """An outer product, where the difference could have a higher rank."""
    large = [d for d in differing if d.gap.ndim == 2 and min(d.gap.shape) > 1]
    large = [d for d in large if np.all(np.isfinite(d.gap))]
    if len(large) < TELLING:
        return None
    for d in large:
        values = np.linalg.svd(d.gap, compute_uv=False)
        # Rounding of each entry moves a singular value by no more than its Frobenius norm.
        if values[1] > float(np.linalg.norm(d.room)) + 2.0**-45 * values[0]:
            return None
    return "the difference to the right result is an outer product: it has rank one"
