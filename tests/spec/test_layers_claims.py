"""Claims about every layer of the library: right ones, and wrong ones of every kind.

The claims are data, under ``layer_claims``. Their marks are checked first, by enclosures of both
sides at a few points: so no verdict is held against a label that is itself wrong.

The wrong forms that the catalogue makes of every derived gradient are judged as well: of each
gradient the first of each kind; all of them where the environment has EVERY_WRONG_FORM.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.oracles.balls import precision
from backproof.spec import library
from backproof.spec.claims.reading import Claim, read_claim
from backproof.spec.deciding.equal import Kind, decide
from backproof.spec.deriving.compose import on_axes
from backproof.spec.deriving.derive import Derivation
from backproof.spec.deriving.expand import expand
from backproof.spec.layer import Spec
from backproof.spec.library import named
from backproof.spec.mistakes import WrongForm, wrong_forms
from backproof.spec.printers.index import index_equation
from backproof.spec.terms import (
    Add,
    Delta,
    Entry,
    Index,
    Match,
    Mul,
    Number,
    Power,
    Size,
    Sum,
    Term,
    entry,
    tensors_in,
    walk,
)
from backproof.spec.values.numbers import Balls
from backproof.spec.values.pointwise import Evaluation, NoValueError
from tests.layer_headers import KINDS

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

FOLDER = Path(__file__).parent / "layer_claims"
# A witness is found long before, also on a slow machine.
SECONDS = 20.0
# Where the list says that none is found there is no need to look for long.
SECONDS_OPEN = 1.0
VERDICTS = {"=": Kind.EQUAL, "~": Kind.ASSUMES, "!": Kind.DIFFERENT}

# What no equation between the tensors of one pass can be: a mistake of the program, not of a
# formula. A shape is wrong together with one of the other kinds.
NO_CLAIMS = {"stale-value", "updated-weights", "float-precision", "shape"}


@dataclass(frozen=True, slots=True)
class Stated:
    """A line of the data: ``note`` is the assumption of a right claim, the kind of a wrong one."""

    given: str
    mark: str
    note: str
    text: str

    def __str__(self) -> str:
        return f"{self.given}: {self.text}"


def stated() -> Iterator[Stated]:
    for path in sorted(FOLDER.glob("*.claims")):
        given = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            word, _, rest = line.partition(" ")
            if word == "given":
                given = rest
            elif word == "=":
                yield Stated(given, word, "", rest)
            elif word:
                note, _, text = rest.partition(": ")
                yield Stated(given, word, note, text)


CLAIMS = tuple(stated())
RIGHT = [c for c in CLAIMS if c.mark != "!"]
WRONG = [c for c in CLAIMS if c.mark == "!"]
every_claim = pytest.mark.parametrize("claim", CLAIMS, ids=str)

# Claims that the engine does not judge as they are marked, and what it answers. An entry that is
# judged rightly fails: take it off.
NOT_YET: Mapping[str, Kind] = {
    # A factor that cancels in one product is not named as what may not be zero.
    "cosine_similarity: sum[i](dX[n,i]*X[n,i]) = 0": Kind.EQUAL,
}


@cache
def given_(name: str) -> Spec:
    layer, _, activation = name.partition(" ")
    return named(layer, activation=activation or None)


@cache
def read(claim: Stated) -> Claim:
    return read_claim(claim.text, given_(claim.given).derivation)


# ---------------------------------------------------------------- the data themselves


def test_there_are_enough_of_either_sort() -> None:
    assert len(RIGHT) >= 150
    assert len(WRONG) >= 150
    assert len(set(map(str, CLAIMS))) == len(CLAIMS)


def test_every_layer_has_right_and_wrong_ones() -> None:
    for claims in (RIGHT, WRONG):
        counts = Counter(c.given.partition(" ")[0] for c in claims)
        assert set(counts) == {e.name for e in library.entries()}
        assert min(counts.values()) >= 6


def test_every_kind_of_mistake_is_among_the_wrong_ones() -> None:
    assert {c.note for c in WRONG} == set(KINDS) - NO_CLAIMS


def test_both_notations_are_used() -> None:
    for claims in (RIGHT, WRONG):
        assert Counter("[" in c.text for c in claims).most_common()[-1][1] >= 50


# ---------------------------------------------------------------- the marks, against numbers


def one_axis(merged: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """For each axis that has to be equal to others, the one that stands for all."""
    root: dict[str, str] = {}
    for left, right in merged:
        old, new = root.setdefault(right, right), root.setdefault(left, left)
        root = {axis: new if r == old else r for axis, r in root.items()}
    return {axis: r for axis, r in root.items() if axis != r}


def polynomial(order: int, z: Any) -> Any:
    """z^2 - 3 z and its derivatives, for an abstract function."""
    return (z * z - 3 * z, 2 * z - 3, 2 + 0 * z)[order]


# Of any two axes among the first eight, the sizes differ at one of these points.
DRAWS = range(3)


class Point:
    """Numbers for all inputs, at sizes 2 and 3.

    Of both signs, or between 0 and 1; positive where the program assumes it; targets are one-hot
    where they have to sum to one.
    """

    def __init__(self, claim: Claim, draw: int, low: int, one_hot: bool) -> None:
        self.program = claim.derivation.program
        root = one_axis(claim.merged)
        sizes = {axis: 2 + (k >> draw) % 2 for k, axis in enumerate(self.program.axes)}
        sizes = {axis: sizes[root.get(axis, axis)] for axis in sizes}
        self.sizes = self.program.consistent(sizes)
        assumed = self.program.assumptions
        self.positive = {t for a in assumed for t in tensors_in(a.left) | tensors_in(a.right)}
        self.draw, self.low, self.one_hot = draw, low, one_hot
        self.evaluation = Evaluation(
            claim.derivation, Balls(), self.sizes, self.given, {"g": polynomial, "g'": polynomial}
        )

    def given(self, name: str, position: tuple[int, ...]) -> Any:
        if self.one_hot and name == "Y":
            outputs = self.sizes[self.program.tensors[name].axes[1]]
            return Balls().number(Fraction(int(position[0] % outputs == position[1])))
        seed = [self.draw, sum(map(ord, name)) * 31 + len(name), *position]
        low = 0 if name in self.positive else self.low
        value = int(np.random.default_rng(seed).integers(low, 100))
        return Balls().number(Fraction(2 * value + 1, 201))

    def apart(self, left: Term, right: Term, indices: tuple[Index, ...]) -> bool:
        """Whether the two sides surely differ at some position."""
        for position in np.ndindex(*(self.sizes[i.axis] for i in indices)):
            at = dict(zip(indices, position, strict=True))
            difference = self.evaluation.term(left, at) - self.evaluation.term(right, at)
            if not difference.contains(0):
                return True
        return False


def differ(claim: Claim, one_hot: bool = False) -> bool:
    """Whether the two sides surely differ at one of the points at which both have values.

    Raises:
        AssertionError: one of the sides has no value at any point.
    """
    assert claim.left is not None
    assert claim.right is not None
    valued = 0
    with precision(Balls().bits):
        for draw in DRAWS:
            for low in (-100, 0):
                point = Point(claim, draw, low, one_hot)
                try:
                    if point.apart(claim.left, claim.right, claim.indices):
                        return True
                except NoValueError:
                    continue
                valued += 1
                break
    assert valued, "a side has no value at any point"
    return False


@pytest.mark.parametrize("claim", RIGHT, ids=str)
def test_the_sides_of_a_right_claim_do_not_differ(claim: Stated) -> None:
    found = read(claim)
    assert found.trouble == ""
    assert found.merged == ()
    assert not differ(found, one_hot="targets" in claim.note)


@pytest.mark.parametrize("claim", WRONG, ids=str)
def test_the_sides_of_a_wrong_claim_differ(claim: Stated) -> None:
    found = read(claim)
    assert found.left is None or differ(found) or found.trouble


# ---------------------------------------------------------------- the verdicts


@every_claim
def test_the_verdict_is_the_mark_s(claim: Stated) -> None:
    is_open = NOT_YET.get(str(claim)) is Kind.UNKNOWN
    answer = decide(read(claim), SECONDS_OPEN if is_open else SECONDS)
    if str(claim) in NOT_YET:
        assert answer.kind is not VERDICTS[claim.mark], "judged rightly now: take it off the list"
        assert answer.kind is NOT_YET[str(claim)]
        return
    assert answer.kind is VERDICTS[claim.mark], answer.reason
    if answer.kind is Kind.DIFFERENT and answer.witness is None:
        assert read(claim).trouble
    if answer.kind is Kind.DIFFERENT and answer.witness is not None:
        assert answer.witness.left != answer.witness.right
    assert bool(answer.assumption) == (answer.kind is Kind.ASSUMES)


def test_what_is_judged_otherwise_is_left_open() -> None:
    marks = {str(c): c.mark for c in CLAIMS}
    assert set(NOT_YET) <= set(marks)
    contrary = {"=": Kind.DIFFERENT, "~": Kind.DIFFERENT, "!": Kind.EQUAL}
    assert all(kind is not contrary[marks[text]] for text, kind in NOT_YET.items())


def test_at_most_one_claim_in_fifty_is_left_open() -> None:
    assert list(NOT_YET.values()).count(Kind.UNKNOWN) * 50 <= len(CLAIMS)


@pytest.mark.parametrize("position", ["t+k+1", "t+9", "2*t+k"])
def test_a_position_that_may_be_past_the_end_is_not_taken_to_match(position: str) -> None:
    claim = Stated("conv1d", "!", "", f"db[d]*sum[s](delta[s,{position}]) = db[d]")
    assert differ(read(claim))
    assert decide(read(claim), SECONDS).kind is not Kind.EQUAL


def is_polynomial(claim: Claim) -> bool:
    """Whether both sides, in terms of the inputs, are sums of products of entries and deltas."""
    assert claim.left is not None
    assert claim.right is not None
    sides = (expand(claim.derivation, side) for side in (claim.left, claim.right))
    return all(_is_of_polynomials(node) for side in sides for node in walk(side))


def _is_of_polynomials(node: Term) -> bool:
    if isinstance(node, Power):
        whole = node.exponent.denominator == 1 and node.exponent > 0
        return whole or isinstance(node.base, (Number, Size))
    return isinstance(node, (Add, Delta, Entry, Match, Mul, Number, Size, Sum))


def test_no_claim_of_polynomials_is_left_open() -> None:
    claims = [c for c in CLAIMS if read(c).left is not None and is_polynomial(read(c))]
    assert len(claims) >= 100
    assert [str(c) for c in claims if NOT_YET.get(str(c)) is Kind.UNKNOWN] == []


# ---------------------------------------------------------------- the catalogue's wrong forms


def as_claim(derivation: Derivation, form: WrongForm) -> Claim:
    """The claim that a wrong form is right, on the axes that it needs to be one."""
    root = one_axis(form.needs)
    merged = tuple((left, axis) for axis, left in root.items())
    indices = tuple(Index(i.name, root.get(i.axis, i.axis)) for i in form.indices)
    left = on_axes(entry(form.quantity, form.indices), root)
    return Claim("", left, on_axes(form.value, root), indices, derivation, "", merged)


def of_one_shape(claim: Claim, form: WrongForm) -> bool:
    """Whether the wrong result has the right one's axes."""
    definition = claim.derivation.definition(form.quantity)
    assert definition is not None
    root = one_axis(claim.merged)
    right = [root.get(i.axis, i.axis) for i in definition[0].indices]
    return right == [i.axis for i in claim.indices]


def forms_of(spec: Spec, *, every: bool) -> list[tuple[WrongForm, Claim]]:
    """All wrong forms of all gradients, or of each gradient the first of each kind."""
    found: dict[object, tuple[WrongForm, Claim]] = {}
    for gradient in spec.gradients().values():
        if gradient.is_upstream:
            continue
        for form in wrong_forms(spec.derivation, gradient.name):
            claim = as_claim(spec.derivation, form)
            if of_one_shape(claim, form):
                key = len(found) if every else (form.quantity, form.mistake.kind)
                found.setdefault(key, (form, claim))
    return list(found.values())


EVERY = "EVERY_WRONG_FORM" in os.environ
FILES = {e.file.removesuffix(".spec"): e for e in library.entries()}
UNDECIDED_FORMS = {
    # dM is 0, by which is divided.
    "masked_attention": ["dE: dM for E"],
}


def label(form: WrongForm) -> str:
    return f"{form.quantity}: {form.mistake.variant}"


def test_the_forms_that_are_judged_are_of_every_kind_that_there_is() -> None:
    spec = Spec(FILES["attention"].text)
    some, all_ = (
        {(f.quantity, f.mistake.kind) for f, _ in forms_of(spec, every=e)} for e in (False, True)
    )
    assert some == all_


@pytest.mark.parametrize("file", FILES)
def test_a_wrong_form_of_a_gradient_is_found_different_where_it_differs(file: str) -> None:
    forms = forms_of(Spec(FILES[file].text), every=EVERY)
    assert forms
    undecided: list[str] = []
    for form, claim in forms:
        assert claim.right is not None
        kind = decide(claim, SECONDS).kind
        if kind is Kind.UNKNOWN:
            undecided.append(label(form))
        elif kind is not Kind.DIFFERENT:
            shown = index_equation(entry(form.quantity, form.indices), claim.right)
            assert kind is Kind.ASSUMES or not claim.merged, shown
            assert not differ(claim), shown
    labels = [label(form) for form, _ in forms]
    assert undecided == [x for x in UNDECIDED_FORMS.get(file, []) if x in labels]
