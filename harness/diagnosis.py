"""Naming a mistake: the edit of the right equations that reproduces a wrong result."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from backproof.adapters.numeric import Values
from backproof.cases import Case
from backproof.checking import BAD, Checker, Judgement
from backproof.describing import TELLING, as_reshaped, described, matches, simply_described
from backproof.oracles.outcome import FloatArray
from backproof.oracles.reference import Bounded, reference
from backproof.spec.deriving.derive import Derivation, Gradient, with_upstream
from backproof.spec.mistakes import Mistake, WrongForm, planted, wrong_forms
from backproof.spec.terms import (
    Add,
    Entry,
    Index,
    Term,
    add,
    mul,
    number,
    power,
    size,
    substitute,
    tensors_in,
    total,
    walk,
)

# How many cases an explanation has to reproduce.
EXPLAINED = 8


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
    explained: dict[str, dict[str, list[WrongForm]]] = {}
    memo = _Memo(checker, right)
    for quantity, judgements in chosen.items():
        found: dict[str, list[WrongForm]] = {}
        for cause in _causes(checker, quantity):
            forms = [
                form
                for form in _forms(checker.derivation, cause)
                if _explains(memo, form, quantity, judgements)
            ]
            if forms:
                found[cause] = sorted(forms, key=lambda f: f.mistake.weight)
        explained[quantity] = found
    named = {q: _best(checker, q, explained) for q in chosen if explained[q]}
    bases = [d.form for d in named.values() if d.form is not None]
    # What comes first in the computation is named first: the rest may follow from it.
    for quantity in sorted(chosen, key=lambda q: len(_causes(checker, q))):
        if quantity in named:
            continue
        from_shown = _from_another(checker, quantity, chosen[quantity], wrong, named)
        named[quantity] = from_shown or _otherwise(memo, quantity, chosen[quantity], bases)
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
        if not matches(j, bounded):
            return False
        if form.quantity != quantity and not all(
            matches(other, values[other.quantity])
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


def _best(
    checker: Checker, quantity: str, explained: Mapping[str, Mapping[str, Sequence[WrongForm]]]
) -> Diagnosis:
    found = explained[quantity]
    wrong_forward = any(checker.derivation.program.statement(q) is not None for q in explained)
    # A mistake further up that explains other wrong quantities too is the simpler explanation.
    ranked: list[tuple[int, int, str, WrongForm]] = []
    for distance, (cause, forms) in enumerate(found.items()):
        for form in forms:
            others = sum(
                any(f is form or f == form for f in explained[q].get(cause, ()))
                for q in explained
                if q != quantity
            )
            ranked.append((-others, form.mistake.weight + distance, cause, form))
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


def _forms(derivation: Derivation, quantity: str) -> list[WrongForm]:
    """The catalogue's wrong forms of an equation, and those that only a layer's code has."""
    found = wrong_forms(derivation, quantity)
    known = {(form.value, form.indices) for form in found}
    for gradient in derivation.gradients.values():
        if gradient.name != quantity or gradient.is_upstream:
            continue
        found += _summed_and_spread(gradient, known)
        found += _with_a_term_scaled(derivation, gradient)
        arriving = [
            node
            for node in walk(gradient.value)
            if isinstance(node, Entry)
            and node.indices == gradient.target.indices
            and any(g.name == node.tensor for g in derivation.gradients.values())
        ]
        for node in arriving:
            words = f"{node.tensor} enters twice: what it is multiplied by has it already"
            mistake = Mistake("extra-factor", f"{node.tensor} twice", words, 2)
            form = WrongForm(mistake, quantity, gradient.target.indices, mul(gradient.value, node))
            if (form.value, form.indices) not in known:
                found.append(form)
    return found


def _with_a_term_scaled(derivation: Derivation, gradient: Gradient) -> Iterator[WrongForm]:
    """One of several terms by a factor, as where weight decay stands beside the gradient."""
    terms = gradient.value.terms if isinstance(gradient.value, Add) else ()
    samples = derivation.program.samples
    factors: dict[str, Term] = {"2": number(2), "1/2": number(Fraction(1, 2))}
    if samples is not None:
        factors |= {"the number of samples": size(samples)}
        factors |= {"one over the number of samples": power(size(samples), -1)}
    for k, term in enumerate(terms):
        shown = f"{term!r}".strip("<>")
        for word, factor in factors.items():
            mistake = Mistake(
                "wrong-scale",
                f"term {k + 1} times {word}",
                f"the term {shown} is taken times {word}",
            )
            value = add(*terms[:k], mul(factor, term), *terms[k + 1 :])
            yield WrongForm(mistake, gradient.name, gradient.target.indices, value)


def _summed_and_spread(gradient: Gradient, known: Collection[object]) -> Iterator[WrongForm]:
    """The sum over an axis of the result in each of its places, as broadcasting makes it."""
    indices = gradient.target.indices
    for index in indices:
        bound = Index(f"{index.name}_all", index.axis)
        value = total((bound,), substitute(gradient.value, {index: bound}))
        words = f"the result is summed over {index.name}, too, and the sum stands in every entry"
        mistake = Mistake("extra-sum", f"over {index.name}, in every entry", words, 2)
        if (value, indices) not in known:
            yield WrongForm(mistake, gradient.name, indices, value)


# ---------------------------------------------------------------- beyond single wrong forms


def _otherwise(
    memo: _Memo, quantity: str, judgements: Sequence[Judgement], bases: Sequence[WrongForm]
) -> Diagnosis:
    """What a wrong quantity comes from that no single wrong form gives.

    Args:
        memo: of the subject.
        quantity: what is wrong.
        judgements: its results.
        bases: wrong forms that explain other quantities: what is wrong further up is wrong here.
    """
    checker = memo.checker
    simple = simply_described(checker, quantity, judgements)
    if simple is not None:
        return Diagnosis(simple, quantity)
    causes = _causes(checker, quantity)[1:]
    shared = [base for base in bases if base.quantity in causes and not base.needs]
    for base in (None, *dict.fromkeys(shared)):
        updated = _as_updated_parameter(checker, quantity, judgements, base)
        if updated is not None:
            return Diagnosis(updated, quantity)
    reshaped = as_reshaped(checker, quantity, judgements)
    if reshaped is not None:
        return Diagnosis(reshaped, quantity)
    pair = _two_mistakes(memo, quantity, judgements, shared)
    if pair is not None:
        return pair
    return Diagnosis(described(checker, quantity, judgements), quantity)


def _from_another(
    checker: Checker,
    quantity: str,
    judgements: Sequence[Judgement],
    wrong: Mapping[str, Sequence[Judgement]],
    named: Mapping[str, Diagnosis],
) -> Diagnosis | None:
    """A quantity that is right for another wrong gradient as the layer itself shows that."""
    for gradient in checker.derivation.gradients.values():
        cause = gradient.name
        if cause == quantity or cause not in named or cause not in _causes(checker, quantity):
            continue
        if named[cause].cause != cause:
            continue
        shown = {id(j.case): j.got for j in wrong[cause] if not j.reused and j.got is not None}
        derivation = with_upstream(checker.derivation, gradient.of)
        if all(
            _follows(checker, derivation, quantity, j, {cause: shown.get(id(j.case))})
            for j in judgements
        ):
            return Diagnosis(named[cause].mistake, cause, named[cause].also, named[cause].form)
    return None


def _follows(
    checker: Checker,
    derivation: Derivation,
    quantity: str,
    j: Judgement,
    given: Mapping[str, FloatArray | None],
) -> bool:
    """Whether a result is right for gradients that are given."""
    arrays = {name: np.asarray(v, dtype=np.float64) for name, v in given.items() if v is not None}
    if len(arrays) < len(given) or not all(np.all(np.isfinite(a)) for a in arrays.values()):
        return False
    try:
        values = reference(
            derivation, {**j.case.inputs, **arrays}, checker.format(j.case), wanted=(quantity,)
        )
    except (ValueError, ArithmeticError):
        return False
    return matches(j, values[quantity])


def _two_mistakes(
    memo: _Memo, quantity: str, judgements: Sequence[Judgement], shared: Sequence[WrongForm]
) -> Diagnosis | None:
    """Two wrong forms at once, in the quantity's own equation or in what it is computed from.

    Pairs are sifted by plain evaluation; a pair that is left is then held against the bound.
    """
    checker = memo.checker
    telling = [j for j in judgements if j.state in BAD and j.case.format == "float64"]
    if not telling:
        return None
    sifted = min(telling, key=lambda j: (j.expected.size < 4, j.expected.size))
    upstream = [
        g.name
        for g in checker.derivation.gradients.values()
        if g.name in _causes(checker, quantity)[1:] and not g.is_upstream
    ]
    own = _forms(checker.derivation, quantity)
    firsts = list(dict.fromkeys([*shared, *own]))
    firsts += [f for name in upstream for f in _forms(checker.derivation, name) if f not in firsts]
    pairs, tried = [], 0
    for first in firsts:
        if not _runs(checker, first, sifted.case) or not (
            first.quantity == quantity or _fits_downstream(checker, first)
        ):
            continue
        if tried > _MOST_SIFTED:
            break
        derivation = planted(checker.derivation, first)
        seconds = _forms(derivation, quantity)
        tried += len(seconds)
        for second in seconds:
            weight = first.mistake.weight + second.mistake.weight
            if _gives(derivation, second, sifted):
                pairs.append((int(first not in shared), weight, first, second))
    for _, _, first, second in sorted(pairs, key=lambda pair: pair[:2])[:_MOST_PAIRS]:
        derivation = planted(checker.derivation, first)
        if all(_reproduces(checker, derivation, second, quantity, j) for j in judgements):
            one, two = first.mistake, second.mistake
            words = f"two mistakes: {one.sentence} (in {first.quantity}); {two.sentence}"
            # A mistake further up is named there; of two here, a factor is the lesser one.
            kinds = [two.kind] if first in shared else [one.kind, two.kind]
            kind = min(kinds, key=lambda k: k in ("wrong-scale", "wrong-sign"))
            mistake = Mistake(kind, f"{one.variant}, {two.variant}", words)
            return Diagnosis(mistake, quantity, (), second)
    return None


# Pairs that are evaluated at all: a spec of many statements has more than anybody waits for.
_MOST_SIFTED = 4000
# Pairs that plain evaluation does not tell from the result, of which so many are looked at.
_MOST_PAIRS = 8
# Plain evaluation and an honest layer differ by rounding alone.
_SIFTED = 1e-9


def _runs(checker: Checker, form: WrongForm, case: Case) -> bool:
    return all(case.sizes.get(a) == case.sizes.get(b) for a, b in form.needs)


def _gives(derivation: Derivation, form: WrongForm, j: Judgement) -> bool:
    """Whether a wrong form gives a result, by plain evaluation."""
    assert j.got is not None
    if tuple(j.case.sizes[i.axis] for i in form.indices) != j.got.shape:
        return False
    if any(j.case.sizes.get(a) != j.case.sizes.get(b) for a, b in form.needs):
        return False
    try:
        found = Values(planted(derivation, form), j.case.sizes, j.case.inputs)[form.quantity]
    except (ValueError, KeyError, IndexError, ArithmeticError):
        return False
    if found.shape != j.got.shape:
        return False
    scale = float(np.max(np.abs(j.got), initial=0.0))
    gap = float(np.max(np.abs(found - j.got), initial=0.0))
    return gap <= _SIFTED * scale


def _reproduces(
    checker: Checker, derivation: Derivation, form: WrongForm, quantity: str, j: Judgement
) -> bool:
    if not _runs(checker, form, j.case):
        return False
    try:
        values = reference(
            planted(derivation, form), j.case.inputs, checker.format(j.case), wanted=(quantity,)
        )
    except (ValueError, ArithmeticError):
        return False
    return matches(j, values[quantity])


def _as_updated_parameter(
    checker: Checker, quantity: str, judgements: Sequence[Judgement], base: WrongForm | None
) -> Mistake | None:
    """A parameter after its update, P - r dP with one rate r, where P itself belongs.

    Args:
        checker: the subject's.
        quantity: what is wrong.
        judgements: its results.
        base: a mistake further up, with which all else is computed.
    """
    program = checker.derivation.program
    derivation = checker.derivation if base is None else planted(checker.derivation, base)
    gradients = {g.of: g.name for g in derivation.gradients.values()}
    for parameter in program.inputs:
        if checker.inputs.samples in program.tensors[parameter].axes:
            continue
        if parameter not in gradients:
            continue
        variant = f"{gradients[parameter]} for {parameter}"
        form = next(
            (
                f
                for f in wrong_forms(derivation, quantity)
                if f.mistake.variant == variant and not f.needs
            ),
            None,
        )
        if form is None:
            continue
        wrong = [j for j in judgements if j.state in BAD]
        moved = [_Moved.of(checker, derivation, form, quantity, j) for j in wrong]
        if None in moved:
            continue
        rate = _common_rate([m for m in moved if m is not None])
        if rate is not None:
            words = (
                f"{parameter} is used after its update, {parameter} - {float(rate):g} "
                f"{gradients[parameter]}: take {quantity} first"
            )
            if base is not None:
                words = f"{words}; and {base.quantity} is wrong: {base.mistake.sentence}"
            return Mistake("updated-weights", parameter, words)
    return None


@dataclass(frozen=True, eq=False)
class _Moved:
    """How far a result is off, and how far a step of rate 1 would move it.

    Attributes:
        off: the right result less the one that was got.
        shift: what a step of rate 1 takes off.
        room: what rounding may do to the result.
        room_of_shift: what it may do to the shift.
    """

    off: FloatArray
    shift: FloatArray
    room: FloatArray
    room_of_shift: FloatArray

    @classmethod
    def of(
        cls,
        checker: Checker,
        derivation: Derivation,
        form: WrongForm,
        quantity: str,
        j: Judgement,
    ) -> _Moved | None:
        """That of one wrong result; None where shapes differ, or rounding is not bounded."""
        assert j.got is not None
        format = checker.format(j.case)
        right, step = (
            reference(d, j.case.inputs, format, wanted=(quantity,))[quantity]
            for d in (derivation, planted(derivation, form))
        )
        if j.got.shape != np.shape(step.value):
            return None
        # Twice the bound: the step rounds the parameter once more before it is used.
        room, room_of_shift = (
            2 * (np.asarray(b.radius) + np.asarray(b.own)) for b in (right, step)
        )
        if not (np.all(np.isfinite(room)) and np.all(np.isfinite(room_of_shift))):
            return None
        off = np.asarray(right.value) - j.got.astype(np.float64)
        return cls(off, np.asarray(step.value), room, room_of_shift)


def _common_rate(moved: Sequence[_Moved]) -> Fraction | None:
    """The rate that all results are off by, as the one that shows it best tells it."""
    telling = [m for m in moved if np.any(m.shift)]
    if len(telling) < TELLING:
        return None
    clearest = max(telling, key=lambda m: np.sum(m.shift**2) / (np.sum(m.room**2) or np.inf))
    found = float(np.sum(clearest.off * clearest.shift) / np.sum(clearest.shift**2))
    if not np.isfinite(found):
        return None
    rate = Fraction(found).limit_denominator(10**6)
    for m in moved:
        left = np.abs(m.off - float(rate) * m.shift)
        if not np.all(left <= m.room + abs(float(rate)) * m.room_of_shift):
            return None
    return rate or None
