"""Where a wrong claim happens to come out right: one sample, a symmetric matrix, no bias, ...

The claim stays wrong, whatever is found here. The conditions are tried from the one that restricts
least: first what leaves an open set of points (a sign), then what ties entries to each other (a
sum, a symmetry), then sizes, then what takes a part of the layer away (a bias, the activation, an
axis); each by itself, and then together with what is meant anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import permutations

from backproof.spec.assumptions.assuming import Condition, difference_under, meant, one_sum
from backproof.spec.assumptions.rewriting import (
    at_one,
    replacing,
    symmetric,
    with_entries,
    with_function,
)
from backproof.spec.claims.reading import Claim
from backproof.spec.deadline import OutOfTimeError, check_time, time_limit
from backproof.spec.deciding.stages import NO_FORM, Stage, stages
from backproof.spec.functions import is_abstract
from backproof.spec.normal_form.labelling import renamed
from backproof.spec.normal_form.normal import normalise
from backproof.spec.normal_form.polynomial import Poly
from backproof.spec.normal_form.signs import NOTHING, Sign, throughout
from backproof.spec.printers.index import index_form
from backproof.spec.program import Assumption, Program
from backproof.spec.terms import (
    ZERO,
    Add,
    Apply,
    Entry,
    Index,
    Power,
    Size,
    Term,
    entry,
    size,
    total,
    walk,
)

# A special case is mentioned where it is quickly found.
SPECIAL_SECONDS = 0.3
SPECIAL_NODES = 300


def special_case(claim: Claim, seconds: float = SPECIAL_SECONDS) -> str:
    """A sentence on where a wrong claim is right all the same; empty where no such case is found.

    Args:
        claim: a claim that was found different.
        seconds: how long to look.
    """
    found = None if claim.left is None or claim.right is None else _special(claim, seconds)
    if found is None:
        return ""
    pairs = [f"size({a}) = size({b})" for a, b in claim.merged]
    shown = "" if found.words == found.notation else f" ({found.notation})"
    return f"it would hold where {' and '.join([*pairs, found.words])}{shown}"


def _special(claim: Claim, seconds: float) -> Condition | None:
    try:
        with time_limit(seconds):
            for stage in stages(claim, []):
                if stage.is_exact and not stage.elementary and _nodes(stage) <= SPECIAL_NODES:
                    found = _special_at(claim, stage)
                    if found is not None:
                        return found
    except OutOfTimeError:
        pass
    return None


def _nodes(stage: Stage) -> int:
    return sum(1 for side in (stage.left, stage.right) for _ in walk(side))


def _special_at(claim: Claim, stage: Stage) -> Condition | None:
    try:
        left, right = (normalise(side, signs=stage.signs) for side in (stage.left, stage.right))
        plain = left - right
    except NO_FORM:
        return None
    granted = [c for c in meant(claim.derivation, stage.keep) if c.signs == NOTHING]
    for case in candidates(claim, stage.left, stage.right):
        if _says_the_same(case, plain):
            return None
        for condition in (case, *map(case.joined, granted)):
            if _holds_in(condition, stage):
                return condition
    return None


def _holds_in(condition: Condition, stage: Stage) -> bool:
    check_time()
    try:
        return difference_under(condition, stage.left, stage.right, stage.signs).is_zero
    except NO_FORM:
        return False


def _says_the_same(condition: Condition, difference: Poly) -> bool:
    """Whether a condition is the claim itself: it would hold where it holds."""
    for assumption in condition.assumptions:
        if not assumption.is_equation:
            continue
        zero = normalise(assumption.left) - normalise(assumption.right)
        free = sorted(zero.free)
        for indices in permutations(sorted(difference.free), len(free)):
            moved = renamed(zero, dict(zip(free, indices, strict=True)))
            if difference in (moved, moved.scaled(Fraction(-1))):
                return True
    return False


# ---------------------------------------------------------------- the conditions


def candidates(claim: Claim, left: Term, right: Term) -> Iterator[Condition]:
    """Where a wrong claim could come out right, the weaker conditions first.

    Args:
        claim: the claim.
        left: its left side, written out to some depth.
        right: its right side, written out alike.
    """
    program = claim.derivation.program
    entries = _entries(left, right)
    yield from _positive(left, right)
    for found in entries.values():
        for index in found.indices:
            if found.indices.count(index) == 1:
                yield one_sum(program, total((index,), found))
    for found in entries.values():
        if len(found.indices) == 2 and len({i.axis for i in found.indices}) == 1:
            yield _symmetric_condition(found)
    yield from _equal_sizes(left, right)
    yield from _without_biases(program, entries)
    yield from _identities(left, right)
    for axis in sorted({i.axis for side in (left, right) for i in _all_indices(side)}):
        text = f"size({axis}) = 1"
        words = "there is one sample" if axis == program.samples else text
        yield Condition(text, words, (), (at_one(axis),))


def _entries(*sides: Term) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for side in sides:
        for node in walk(side):
            if isinstance(node, Entry):
                found.setdefault(node.tensor, node)
    return dict(sorted(found.items()))


def _all_indices(term: Term) -> set[Index]:
    return {i for node in walk(term) for i in (*node.free, *getattr(node, "indices", ()))}


def _positive(left: Term, right: Term) -> Iterator[Condition]:
    """Each tensor positive whose sign a function or an even root asks for."""
    seen: set[str] = set()
    for node in (n for side in (left, right) for n in walk(side)):
        base: Term | None = None
        if isinstance(node, Apply) and node.function in _OF_SIGN:
            base = node.argument
        elif isinstance(node, Power) and node.exponent.denominator % 2 == 0:
            base = node.base
        if isinstance(base, Power):
            base = base.base
        if isinstance(base, Entry) and base.tensor not in seen:
            seen.add(base.tensor)
            text = f"{index_form(base)} > 0"
            assumption = Assumption(base, ZERO, text, ">")
            positive = throughout(base.tensor, len(base.indices), Sign.POSITIVE)
            yield Condition(text, f"{base.tensor} is positive", (assumption,), (), positive)


_OF_SIGN = ("abs", "relu", "step", "sign", "leaky_relu", "elu", "sqrt", "log")


def _symmetric_condition(found: Entry) -> Condition:
    row, column = found.indices
    if row == column:
        column = Index(f"{row.name}1", row.axis)
    pair = entry(found.tensor, (row, column)), entry(found.tensor, (column, row))
    text = f"{index_form(pair[0])} = {index_form(pair[1])}"
    return Condition(
        text,
        f"{found.tensor} is symmetric",
        (Assumption(*pair, text),),
        (symmetric(found.tensor),),
    )


def _equal_sizes(left: Term, right: Term) -> Iterator[Condition]:
    sizes = sorted({n.axis for side in (left, right) for n in walk(side) if isinstance(n, Size)})
    axes = sorted({i.axis for side in (left, right) for i in _all_indices(side)} | set(sizes))
    for one in sizes:
        for other in axes:
            if one != other and not (other in sizes and other < one):
                text = f"size({one}) = size({other})"
                yield Condition(text, text, (), (replacing(size(one), size(other)),))


def _without_biases(program: Program, entries: dict[str, Entry]) -> Iterator[Condition]:
    """An input that a statement adds, taken to be zero."""
    for statement in program.statements:
        for part in statement.value.terms if isinstance(statement.value, Add) else ():
            if isinstance(part, Entry) and part.tensor in entries and part.tensor in program.inputs:
                text = f"{index_form(part)} = 0"
                yield Condition(
                    text,
                    f"{part.tensor} is zero",
                    (Assumption(part, ZERO, text),),
                    (with_entries(part, ZERO),),
                )


def _identities(left: Term, right: Term) -> Iterator[Condition]:
    names = {n.function for side in (left, right) for n in walk(side) if isinstance(n, Apply)}
    z = entry("z")
    for name in sorted(names):
        words = f"{name} is the identity" if is_abstract(name) else f"the identity stood for {name}"
        yield Condition(f"{name}(z) = z", words, (), (with_function(name, z, z),))
