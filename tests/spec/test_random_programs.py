"""Random programs: gradients against JAX, rewritings that must be seen through, edits that mustn't.

``benchmarks/fuzz_derive.py`` runs the same three properties on as many programs as are asked for.
"""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backproof.spec import terms as t
from backproof.spec.claims.reading import Claim, read_claim
from backproof.spec.deciding.equal import Kind, decide
from backproof.spec.layer import Spec
from backproof.spec.printers.index import index_equation
from tests.spec.random_programs import (
    REWRITINGS,
    against_jax,
    edit_claim,
    edited,
    program_text,
    rewriting_claim,
    sides_agree,
)

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

EACH = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=150,
    suppress_health_check=list(HealthCheck),
)
CHOICES = ("where", "max", "prod")
RANDOM = st.integers(0, 2**32 - 1).map(Random)


@EACH
@given(RANDOM)
def test_gradients_of_random_programs_are_those_of_jax(random: Random) -> None:
    text = program_text(random, choices=("where", "max"))
    assert against_jax(Spec(text), random) == [], text


@EACH
@given(RANDOM)
def test_a_gradient_written_differently_is_equal(random: Random) -> None:
    text = program_text(random, rational=random.random() < 0.5, choices=("where", "max"))
    claim = rewriting_claim(Spec(text), random)
    assert claim.left is not None
    assert claim.right is not None
    shown = f"{text}\n{index_equation(claim.left, claim.right)}"
    assert decide(claim, seconds=1.0).kind is Kind.EQUAL, shown


@EACH
@given(RANDOM)
def test_a_gradient_through_products_is_never_different_from_itself(random: Random) -> None:
    # Products over an axis have normal forms of which some are not yet seen to be one.
    text = program_text(random, rational=True, choices=("prod", "prod", "prod"))
    claim = rewriting_claim(Spec(text), random)
    assert decide(claim, seconds=1.0).kind in (Kind.EQUAL, Kind.UNKNOWN), text


@EACH
@given(RANDOM)
def test_a_gradient_with_one_edit_is_equal_only_where_the_numbers_agree(random: Random) -> None:
    text = program_text(random, rational=random.random() < 0.5, choices=CHOICES)
    claim = edit_claim(Spec(text), random)
    if claim is None:
        return
    answer = decide(claim, seconds=0.5)
    assert claim.left is not None
    assert claim.right is not None
    shown = f"{text}\n{index_equation(claim.left, claim.right)}"
    if answer.kind is Kind.EQUAL:
        assert sides_agree(claim, random), shown
    if answer.kind is Kind.DIFFERENT:
        assert answer.witness is not None, shown


# ---------------------------------------------------------------- what was found

PRODUCT = "axes i, j, k: a\nA = prod[i](u[i])"
BRANCHES = "axes o: a\nA[o] = softplus(where(s > X[o], B[o], M))"
FOUND = {
    "a delta summed away inside a product": (
        PRODUCT,
        "du[j] = dA*prod[i](sum[k](delta[i,k]*(delta[k,j] + (1 - delta[k,j])*u[k])))",
    ),
    "a condition around a function of the same condition": (
        BRANCHES,
        "dB[o] = dA[o]*where(s > X[o], softplus'(B[o]), 0)",
    ),
}


@pytest.mark.parametrize(("text", "claim"), FOUND.values(), ids=FOUND.keys())
def test_true_claims_that_were_found_undecided_are_never_different(text: str, claim: str) -> None:
    answer = decide(read_claim(claim, Spec(text).derivation), seconds=1.0)
    assert answer.kind in (Kind.EQUAL, Kind.UNKNOWN)


# ---------------------------------------------------------------- what the properties rest on


def test_the_same_seed_writes_the_same_program() -> None:
    assert program_text(Random(11)) == program_text(Random(11))


def test_programs_reach_what_they_are_meant_to() -> None:
    texts = [program_text(Random(seed)) for seed in range(300)]
    wanted = ("sum[", "mean[", "softmax[", "logsumexp[", "delta[", "size(", "^(-1/2)", "relu(")
    assert [w for w in wanted if not any(w in text for text in texts)] == []
    assert {text.count(" = ") for text in texts} == {1, 2, 3, 4, 5}
    assert {len(Spec(text).program.axes) for text in texts} == {0, 1, 2, 3, 4}


def test_edits_almost_always_change_the_value() -> None:
    randoms = [Random(seed) for seed in range(60)]
    claims = [(edit_claim(Spec(program_text(r, rational=True)), r), r) for r in randoms]
    differing = [c for c, r in claims if c is not None and not sides_agree(c, r)]
    assert len(differing) > len(claims) // 2


@pytest.mark.parametrize("name", REWRITINGS)
def test_each_rewriting_applies_and_keeps_the_value(name: str) -> None:
    spec = Spec(
        "axes i, j: a\n"
        "A[i] = sum[j](M[i,j]*x[j] + x[i]*M[j,i])*(x[i] + c) + x[i]*c + c*y[i] + silu(x[i])^2\n"
    )
    program = spec.program
    value = program.statements[0].value
    rule = REWRITINGS[name]
    nodes = [n for n in t.walk(value) if rule(n, Random(0), program) is not n]
    assert nodes
    for node in nodes:
        changed = rule(node, Random(3), program)
        indices = tuple(sorted(node.free | changed.free))
        assert sides_agree(Claim("", node, changed, indices, spec.derivation), Random(1))


def test_an_edit_keeps_the_scope() -> None:
    spec = Spec("Z[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]")
    gradient = spec.derivation.gradients["W"]
    for seed in range(40):
        changed = edited(gradient.value, Random(seed), gradient.target.indices)
        assert changed is not None
        assert changed is not gradient.value
        assert changed.free <= set(gradient.target.indices)
