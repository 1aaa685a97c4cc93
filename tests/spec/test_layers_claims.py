"""Claims about every layer of the library: right ones, and wrong ones of every kind.

The claims are data, under ``layer_claims``. Their marks are checked first, by enclosures of both
sides at one point: so no verdict is held against a label that is itself wrong. The wrong forms
that the catalogue makes of every derived gradient are judged as well.
"""

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
from backproof.spec.claims import Claim, read_claim
from backproof.spec.compose import on_axes
from backproof.spec.derive import Derivation
from backproof.spec.equal import Kind, decide
from backproof.spec.layer import Spec
from backproof.spec.library import named
from backproof.spec.mistakes import WrongForm, wrong_forms
from backproof.spec.numbers import Balls
from backproof.spec.pointwise import Evaluation, NoValueError
from backproof.spec.printers.index import index_equation
from backproof.spec.terms import Index, Term, entry
from tests.layer_headers import KINDS

FOLDER = Path(__file__).parent / "layer_claims"
SECONDS = 2.0
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
    # log(a/b) is log(a) - log(b) where both are positive.
    "binary_cross_entropy: dY = -log(A / (1 - A)) / (size(n) size(o))": Kind.UNKNOWN,
    # sum[i](x[i]^2)^(-1/2) is 1/sqrt(sum[i](x[i]^2)).
    **{
        f"cosine_similarity: {text}": Kind.UNKNOWN
        for text in (
            "dX[n,i] = dC[n]*(Y[n,i]/(u[n]*v[n]) - C[n]*X[n,i]/u[n]^2)",
            "dY[n,i] = dC[n]*(X[n,i]/(u[n]*v[n]) - C[n]*Y[n,i]/v[n]^2)",
            "dX[n,i] = dC[n]/u[n]*(Y[n,i]/v[n] - C[n]*X[n,i]/u[n])",
            "dX = dC ⊙ (Y / (u ⊙ v) - C ⊙ X / u^2)",
            "dX[n,i] = dC[n]/u[n]*sum[k]((delta[i,k] - X[n,i]*X[n,k]/u[n]^2)*Y[n,k]/v[n])",
            "sum[i](dX[n,i]*X[n,i]) = 0",
        )
    },
    # Sums along an axis of two are not written out, nor is a position's axis summed over.
    **{
        f"average_pool: {text}": Kind.UNKNOWN
        for text in (
            "sum[s](dX[n,s,c]) = sum[t](dP[n,t,c])",
            "P[n,t,c] = (X[n,2*t,c] + X[n,2*t+1,c])/2",
            "dX[n,s,c] = sum[t](dP[n,t,c]*(delta[s,2*t] + delta[s,2*t+1]))/2",
        )
    },
    **{
        f"max_pool: {text}": Kind.UNKNOWN
        for text in (
            "P[n,t,c] = max(X[n,2*t,c], X[n,2*t+1,c])",
            "sum[s](dX[n,s,c]) = sum[t](dP[n,t,c])",
            "sum[s](dX[n,s,c]*X[n,s,c]) = sum[t](dP[n,t,c]*P[n,t,c])",
            "dX[n,s,c] = sum[t](dP[n,t,c]*(delta[s,2*t]*step(X[n,2*t,c] - X[n,2*t+1,c]) "
            "+ delta[s,2*t+1]*step(X[n,2*t+1,c] - X[n,2*t,c])))",
            "P[n,t,c] = (X[n,2*t,c] + X[n,2*t+1,c] + abs(X[n,2*t,c] - X[n,2*t+1,c]))/2",
        )
    },
    # sum[k](hardmax[k](z[k])*z[k]) is max[k](z[k]).
    "maxout: sum[k](dZ[n,o,k]*Z[n,o,k]) = dH[n,o]*H[n,o]": Kind.UNKNOWN,
    # The pieces of a sum are not put together again under one relu.
    "huber: dc = mean[n,o](relu(abs(A[n,o] - Y[n,o]) - c))": Kind.UNKNOWN,
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


class Point:
    """Numbers for all inputs, at sizes 2 and 3.

    Of both signs, or between 0 and 1; targets are one-hot where they have to sum to one.
    """

    def __init__(
        self, derivation: Derivation, merged: tuple[tuple[str, str], ...], low: int, one_hot: bool
    ) -> None:
        root = one_axis(merged)
        sizes = {axis: 2 + k % 2 for k, axis in enumerate(derivation.program.axes)}
        sizes = {axis: sizes[root.get(axis, axis)] for axis in sizes}
        self.sizes = derivation.program.consistent(sizes)
        self.low = low
        self.one_hot = one_hot
        self.evaluation = Evaluation(
            derivation, Balls(), self.sizes, self.given, {"g": polynomial, "g'": polynomial}
        )

    def given(self, name: str, position: tuple[int, ...]) -> Any:
        if self.one_hot and name == "Y":
            return Balls().number(Fraction(int(position[0] == position[1])))
        seed = [sum(map(ord, name)) * 31 + len(name), *position]
        value = int(np.random.default_rng(seed).integers(self.low, 100))
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
    """Whether the two sides surely differ at a point; where one has no value, at another one.

    The point is positive where something is assumed to be.
    """
    assert claim.left is not None
    assert claim.right is not None
    assumed = claim.derivation.program.assumptions
    with precision(Balls().bits):
        for low in (0,) if assumed else (-100, 0):
            point = Point(claim.derivation, claim.merged, low, one_hot)
            try:
                return point.apart(claim.left, claim.right, claim.indices)
            except NoValueError:
                continue
    raise AssertionError("a side has no value at either point")


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
    answer = decide(read(claim), SECONDS)
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


@pytest.mark.xfail(strict=True, reason="17 of 710: pooling and roots of sums")
def test_at_most_one_claim_in_fifty_is_left_open() -> None:
    assert list(NOT_YET.values()).count(Kind.UNKNOWN) * 50 <= len(CLAIMS)


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


def forms_of(spec: Spec) -> list[tuple[WrongForm, Claim]]:
    derived = [g.name for g in spec.gradients().values() if not g.is_upstream]
    every = [f for name in derived for f in wrong_forms(spec.derivation, name)]
    pairs = [(form, as_claim(spec.derivation, form)) for form in every]
    return [(form, claim) for form, claim in pairs if of_one_shape(claim, form)]


FILES = {e.file.removesuffix(".spec"): e for e in library.entries()}
UNDECIDED_FORMS = {
    # The logarithm of a gradient: it has no value at any of the points that are tried.
    "binary_cross_entropy": ["dY: dA for A"],
    # dM is 0, where the condition changes.
    "dropout": ["dX: dM for M", "dq: dM for M"],
    # A mask is its own square.
    "maxout": [
        "dZ: derivative twice",
        "dX: derivative once more",
        "dW: derivative once more",
        "db: derivative once more",
    ],
}
# A position's axis and one of its parts taken for one: the search has no number for an entry.
NO_ENTRY = {"max_pool": "dX: X for dP"}


@pytest.mark.parametrize("file", FILES)
def test_a_wrong_form_of_a_gradient_is_found_different_where_it_differs(file: str) -> None:
    spec = Spec(FILES[file].text)
    undecided: list[str] = []
    forms = forms_of(spec)
    assert forms
    for form, claim in forms:
        assert claim.right is not None
        shown = index_equation(entry(form.quantity, form.indices), claim.right)
        label = f"{form.quantity}: {form.mistake.variant}"
        if NO_ENTRY.get(file) == label:
            with pytest.raises(KeyError):
                decide(claim, SECONDS)
            continue
        kind = decide(claim, SECONDS).kind
        if kind is Kind.UNKNOWN:
            undecided.append(label)
        elif kind is not Kind.DIFFERENT:
            assert kind is Kind.ASSUMES or not claim.merged, shown
            assert not differ(claim), shown
    assert undecided == UNDECIDED_FORMS.get(file, [])
