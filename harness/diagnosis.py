"""Naming a mistake: the edit of the right equations that reproduces a wrong result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from backproof.cases import Case
from backproof.checking import BAD, Checker, Judgement, State
from backproof.oracles.formats import FORMATS
from backproof.oracles.reference import Bounded, reference
from backproof.spec.mistakes import Mistake, WrongForm, planted, wrong_forms

# How many cases an explanation has to reproduce, and how many of them have to tell it from the
# right equation.
EXPLAINED, TELLING = 8, 2


@dataclass(frozen=True)
class Diagnosis:
    """What a wrong quantity comes from.

    Attributes:
        mistake: by name.
        cause: the quantity in whose equation the mistake is; often the wrong quantity itself.
        also: other mistakes that explain the same results as well.
        form: the wrong equation, where the catalogue has it.
    """

    mistake: Mistake
    cause: str
    also: tuple[Mistake, ...] = ()
    form: WrongForm | None = None


def diagnose(
    checker: Checker,
    wrong: Mapping[str, Sequence[Judgement]],
    right: Sequence[Judgement] = (),
) -> dict[str, Diagnosis]:
    """For each wrong quantity, the likeliest mistake.

    Args:
        checker: the subject's.
        wrong: for each wrong quantity, judgements of runs that gave a result, wrong ones first.
        right: judgements of the quantities that are right: a mistake further up that would spoil
            them is no explanation.
    """
    stale = {q: _STALE for q, judgements in wrong.items() if _only_when_reused(judgements)}
    chosen = {q: _telling_judgements(js) for q, js in wrong.items() if q not in stale}
    chosen = {q: judgements for q, judgements in chosen.items() if judgements}
    matches: dict[str, dict[str, list[WrongForm]]] = {}
    memo = _Memo(checker, right)
    for quantity, judgements in chosen.items():
        found: dict[str, list[WrongForm]] = {}
        for cause in _causes(checker, quantity):
            forms = [
                form
                for form in wrong_forms(checker.derivation, cause)
                if _explains(memo, form, quantity, judgements)
            ]
            if forms:
                found[cause] = sorted(forms, key=lambda f: f.mistake.weight)
        matches[quantity] = found
    named = {q: _best(checker, q, chosen[q], matches) for q in chosen}
    return named | {q: Diagnosis(mistake, q) for q, mistake in stale.items()}


_STALE = Mistake(
    "stale-value",
    "kept from an earlier call",
    "right on a fresh instance, wrong on one that has run before: something is kept from then",
)


def _only_when_reused(judgements: Sequence[Judgement]) -> bool:
    return all(j.reused for j in judgements if j.state in BAD)


def _telling_judgements(judgements: Sequence[Judgement]) -> list[Judgement]:
    """Up to ``EXPLAINED`` results in a wide format, of different sizes and kinds of numbers."""
    usable = [
        j
        for j in judgements
        if j.got is not None
        and j.got.size
        and not j.reused
        and not j.unfinished
        and all(j.case.sizes.values())
        and np.all(np.isfinite(j.got))
    ]
    usable.sort(key=lambda j: (j.case.format != "float64", j.case.kind not in _PLAIN))
    seen: set[tuple[object, ...]] = set()
    found = []
    for j in usable:
        key = (tuple(j.case.sizes.items()), j.case.kind)
        if key not in seen:
            seen.add(key)
            found.append(j)
    return found[:EXPLAINED]


_PLAIN = ("normal", "whole", "cancelling")


def _causes(checker: Checker, quantity: str) -> list[str]:
    """The quantity itself, then what it is computed from that the subject may have got wrong."""
    from backproof.spec.terms import tensors_in

    found, pending = [], [quantity]
    while pending:
        name = pending.pop(0)
        definition = checker.derivation.definition(name)
        if name in found or definition is None:
            continue
        found.append(name)
        pending += sorted(tensors_in(definition[1]), reverse=True)
    return found


class _Memo:
    """Values of wrong forms, each computed once a case."""

    def __init__(self, checker: Checker, right: Sequence[Judgement]) -> None:
        self.checker = checker
        self.right: dict[int, list[Judgement]] = {}
        for j in right:
            self.right.setdefault(id(j.case), []).append(j)
        self.known: dict[tuple[int, int], Mapping[str, Bounded] | None] = {}
        self.kept: list[object] = []

    def shown_forward(self, quantity: str) -> bool:
        """Whether a quantity is of the forward pass, which may differ from what backward uses."""
        return self.checker.derivation.program.statement(quantity) is not None

    def values(self, form: WrongForm, case: Case) -> Mapping[str, Bounded] | None:
        """Everything that follows from a wrong form; None where it does not run."""
        key = (id(form), id(case))
        if key not in self.known:
            self.kept += [form, case]
            self.known[key] = self._values(form, case)
        return self.known[key]

    def _values(self, form: WrongForm, case: Case) -> Mapping[str, Bounded] | None:
        if any(case.sizes.get(a) != case.sizes.get(b) for a, b in form.needs):
            return None
        derivation = planted(self.checker.derivation, form)
        try:
            return reference(
                derivation,
                case.inputs,
                self.checker.format(case),
                wanted=self.checker.wanted,
            )
        except (ValueError, ArithmeticError):
            # Downstream of a result of another shape nothing may fit together.
            return None


def _explains(memo: _Memo, form: WrongForm, quantity: str, judgements: Sequence[Judgement]) -> bool:
    if form.quantity != quantity and not _fits_downstream(memo.checker, form):
        return False
    telling = 0
    for j in judgements:
        assert j.got is not None
        values = memo.values(form, j.case)
        if values is None or quantity not in values:
            return False
        bounded = values[quantity]
        if not _matches(j, bounded):
            return False
        if form.quantity != quantity and not all(
            _matches(other, values[other.quantity])
            for other in memo.right.get(id(j.case), ())
            if other.quantity in values and not memo.shown_forward(other.quantity)
        ):
            return False
        if j.state in BAD:
            telling += 1
    return telling >= min(TELLING, len(judgements))


def _fits_downstream(checker: Checker, form: WrongForm) -> bool:
    """Whether what follows can still be computed from a wrong form's result."""
    definition = checker.derivation.definition(form.quantity)
    return definition is not None and len(definition[0].indices) == len(form.indices)


def _matches(j: Judgement, bounded: Bounded) -> bool:
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


def _best(
    checker: Checker,
    quantity: str,
    judgements: Sequence[Judgement],
    matches: Mapping[str, Mapping[str, Sequence[WrongForm]]],
) -> Diagnosis:
    found = matches[quantity]
    wrong_forward = any(checker.derivation.program.statement(q) is not None for q in matches)
    # A mistake further up that explains other wrong quantities too is the simpler explanation.
    ranked: list[tuple[int, int, str, WrongForm]] = []
    for distance, (cause, forms) in enumerate(found.items()):
        for form in forms:
            others = sum(
                any(f is form or f == form for f in matches[q].get(cause, ()))
                for q in matches
                if q != quantity
            )
            ranked.append((-others, form.mistake.weight + distance, cause, form))
    if not ranked:
        return _undescribed(checker, quantity, judgements)
    ranked.sort(key=lambda r: r[:2])
    best = ranked[0]
    also = tuple(r[3].mistake for r in ranked[1:] if r[:2] == best[:2])
    mistake = best[3].mistake
    forward = checker.derivation.program.statement(best[2]) is not None
    if forward and best[2] != quantity and not wrong_forward:
        # The forward pass is right: it is the backward pass that goes by another value.
        words = f"the backward pass goes by another {best[2]} than the forward pass"
        mistake = Mistake("stale-value", best[2], f"{words}: {mistake.sentence}")
    return Diagnosis(mistake, best[2], also, best[3])


def _undescribed(checker: Checker, quantity: str, judgements: Sequence[Judgement]) -> Diagnosis:
    """No equation of the catalogue fits: what can be said of the results all the same."""
    for explanation in (
        _as_not_finite,
        _as_scaled,
        _as_lower_precision,
        _as_one_sample,
        _as_updated_parameter,
        _as_reshaped,
    ):
        mistake = explanation(checker, quantity, judgements)
        if mistake is not None:
            return Diagnosis(mistake, quantity)
    if all(j.state is State.SHAPE for j in judgements):
        words = judgements[0].note
        return Diagnosis(Mistake("shape", "other", words), quantity)
    words = "no mistake of the catalogue gives these results"
    return Diagnosis(Mistake("other", "none fits", words), quantity)


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
        if all(_matches(j, bounded) for j, bounded in zip(wide, bounds, strict=True)):
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
        if all(_matches(j, _of_samples(checker, quantity, j.case, which)) for j in several):
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


def _as_updated_parameter(
    checker: Checker, quantity: str, judgements: Sequence[Judgement]
) -> Mistake | None:
    """A parameter after its update, P - r dP with one rate r, where P itself belongs."""
    program = checker.derivation.program
    gradients = {g.of: g.name for g in checker.derivation.gradients.values()}
    for parameter in program.inputs:
        if checker.inputs.samples in program.tensors[parameter].axes:
            continue
        variant = f"{gradients[parameter]} for {parameter}"
        form = next(
            (
                f
                for f in wrong_forms(checker.derivation, quantity)
                if f.mistake.variant == variant and not f.needs
            ),
            None,
        )
        if form is None:
            continue
        rates = [_rate(checker, form, quantity, j) for j in judgements if j.state in BAD]
        known = [r for r in rates if r is not None]
        if len(known) >= TELLING and len(known) == len(rates) and len(set(known)) == 1:
            words = (
                f"{parameter} is used after its update, {parameter} - {float(known[0]):g} "
                f"{gradients[parameter]}: take {quantity} first"
            )
            return Mistake("updated-weights", parameter, words)
    return None


def _rate(checker: Checker, form: WrongForm, quantity: str, j: Judgement) -> Fraction | None:
    """The rate r for which a result is the right one less r times what the form gives."""
    assert j.got is not None
    planted_in = planted(checker.derivation, form)
    format = FORMATS[j.case.format]
    moved = reference(planted_in, j.case.inputs, format, wanted=(quantity,))[quantity]
    shift = np.asarray(moved.value)
    if j.got.shape != shift.shape or not np.any(shift):
        return None
    off = j.expected - j.got
    rate = float(np.sum(off * shift) / np.sum(shift * shift))
    simple = Fraction(rate).limit_denominator(10**6)
    # What is left has to be no more than rounding of the three quantities' own size.
    room = 2.0**10 * format.u * (np.max(np.abs(j.expected)) + abs(rate) * np.max(np.abs(shift)))
    left = np.max(np.abs(off - float(simple) * shift))
    return simple if simple and left <= room else None


def _as_reshaped(
    checker: Checker, quantity: str, judgements: Sequence[Judgement]
) -> Mistake | None:
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
