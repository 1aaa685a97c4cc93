"""A witness is what it says: every one is recomputed by other means, however it was found."""

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.spec.claims.reading import Claim, read_claim
from backproof.spec.deciding.equal import Kind, decide
from backproof.spec.deriving.compose import on_axes
from backproof.spec.deriving.derive import Derivation
from backproof.spec.layer import Spec
from backproof.spec.library import dense, named
from backproof.spec.mistakes import wrong_forms
from backproof.spec.terms import (
    Add,
    Entry,
    Index,
    Mul,
    Number,
    Sum,
    Term,
    apply,
    entry,
    mul,
    negative,
    number,
    rebuild,
    size,
    walk,
)
from backproof.spec.witnesses.witness import find_witness
from tests.spec.test_claims import recomputed

SECONDS = 2.0
POINTS = [
    # Each differs only where something unusual is the case.
    ("x*(x - 1)*(x + 1)*(x - 2)*(x - 3)*(x + 2)*(x - 4) = 0", {}),
    ("(size(i) - 1)*(size(i) - 2)*(size(i) - 3)*x[i] = 0", {"i": 4}),
    ("(size(i) - 1)*(size(i) - 2)*(size(i) - 3)*(size(i) - 4)*x[i] = 0", {"i": 5}),
    ("step(x - 5/2)*y = 0", {}),
    ("step(x - 1/4)*step(1/3 - x)*y = 0", {}),
    ("relu(x)*relu(-y)*relu(x + y - 1/8) = 0", {}),
    ("relu(1 - abs(8*x - 1))*y = 0", {}),
    ("abs(x - x) = 1", {}),
    ("log(1 - x)*log(x) = log(x)*log(1 - x) + x", {}),
    ("sqrt(1 - x^2 - y^2) = sqrt(1 - x^2)", {}),
]


@pytest.mark.parametrize(("text", "sizes"), POINTS)
def test_a_claim_that_differs_at_special_values_alone_is_refuted(
    text: str, sizes: dict[str, int]
) -> None:
    claim = read_claim(text if "[" in text else indexed(text))
    witness = find_witness(claim, SECONDS)
    assert witness is not None
    assert sizes.items() <= dict(witness.sizes).items()
    assert witness.left != witness.right
    if "abs" not in text and "sqrt" not in text and witness.left_array is not None:
        assert recomputed(claim, witness) == (Fraction(witness.left), Fraction(witness.right))


def indexed(text: str) -> str:
    """The claim for scalars: in matrix notation x - 1/4 is an error for want of a shape."""
    return text + " + 0*z[i]"


def test_the_same_witness_is_found_each_time() -> None:
    for text in ("dW = dZ^T X / size(n)", "dZ = dA ⊙ step(X W^T)"):
        claim = read_claim(text, dense(activation="relu").derivation)
        assert find_witness(claim, 10.0) == find_witness(claim, 10.0)


def test_no_witness_lies_where_a_part_that_plays_no_role_has_no_value() -> None:
    for text in ("0/x[i] = 5", "0*log(x[i]) = 1", "0/x = 5", "0 log(x) = 1"):
        witness = find_witness(read_claim(text), SECONDS)
        assert witness is not None
        assert witness.inputs["x"] != [0], text


def test_a_witness_for_a_loss_has_targets_that_sum_to_one() -> None:
    given_loss = named("softmax_cross_entropy").derivation
    witness = decide(read_claim("dA = softmax_o(A) - Y", given_loss), SECONDS).witness
    assert all(sum(row) == 1 for row in witness.inputs["Y"])
    assert {v for row in witness.inputs["Y"] for v in row} == {0, 1}


PROGRAMS = [
    "Z[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]\nA[n,o] = g(Z[n,o])",
    "y[i] = sum[j](M[i,j]*x[j])\nL = sum[i](y[i]^2)/size(i)",
    "A[n,o] = relu(Z[n,o]*c[o])\nL = sum[n,o](A[n,o]*Y[n,o])",
    "axes i, j: a\nB[i,j] = sum[k](M[i,k]*M[k,j]) + M[j,i]",
]


def altered(term: Term, random: Random) -> Term:
    """A term with one change, which most often changes its value."""
    target = random.choice([n for n in walk(term) if not isinstance(n, Number)])

    def on(node: Term) -> Term:
        if node is not target:
            return rebuild(node, on)
        changes = [negative(node), mul(number(2), node), mul(node, node), apply("relu", node)]
        if isinstance(node, Mul):
            changes += [mul(*node.factors[1:]), mul(*node.factors[:-1])]
        if isinstance(node, Sum):
            changes += [mul(size(node.indices[0].axis), node)]
        if isinstance(node, Entry) and len({i.axis for i in node.indices}) == 1:
            changes += [entry(node.tensor, node.indices[::-1])]
        return random.choice(changes)

    return on(term)


DERIVATIONS = [Spec(text).derivation for text in PROGRAMS]


@settings(max_examples=60)
@given(st.sampled_from(DERIVATIONS), st.integers(0, 10_000), st.data())
def test_a_line_changed_in_one_place_is_refuted_by_what_can_be_recomputed(
    derivation: Derivation, seed: int, data: st.DataObject
) -> None:
    gradients = [g for g in derivation.gradients.values() if isinstance(g.value, (Add, Mul, Sum))]
    gradient = data.draw(st.sampled_from(gradients), "gradient")
    wrong = altered(gradient.value, Random(seed))
    claim = Claim("", gradient.target, wrong, gradient.target.indices, derivation)
    answer = decide(claim, SECONDS)
    assert answer.kind is not Kind.UNKNOWN or answer.reason
    if answer.kind is Kind.DIFFERENT:
        assert answer.witness is not None
        left, right = recomputed(claim, answer.witness)
        assert left != right
        assert (str(left), str(right)) == (answer.witness.left, answer.witness.right)


def test_the_wrong_forms_of_a_layer_are_refuted_by_what_can_be_recomputed() -> None:
    derivation = DERIVATIONS[0]
    count = 0
    for name in ("dW", "db", "dX", "dZ"):
        for form in wrong_forms(derivation, name):
            root = {right: left for left, right in form.needs}
            target = derivation.definition(name)
            assert target is not None
            if [i.axis for i in form.indices] != [i.axis for i in target[0].indices] or root:
                continue
            indices = tuple(Index(i.name, i.axis) for i in form.indices)
            claim = Claim("", entry(name, indices), on_axes(form.value, root), indices, derivation)
            witness = find_witness(claim, SECONDS)
            assert witness is not None, form.mistake.sentence
            left, right = recomputed(claim, witness)
            assert left != right
            count += 1
    assert count > 30
