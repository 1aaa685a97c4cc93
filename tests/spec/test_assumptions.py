"""What a claim may take for granted, what is only a special case, and what contradicts itself."""

from fractions import Fraction

import pytest

from backproof.spec.claims.reading import Claim, read_claim
from backproof.spec.deciding.equal import Answer, Kind, decide
from backproof.spec.deciding.special_cases import special_case
from backproof.spec.errors import SpecError
from backproof.spec.layer import Spec
from backproof.spec.library import named
from backproof.spec.witnesses.witness import NO_VALUE, find_witness
from tests.spec.test_claims import recomputed

SECONDS = 2.0
DENSE = "Z[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]\nA[n,o] = g(Z[n,o])\n"
SAMPLES = "axes n: samples\n" + DENSE
SQUARE = "axes i, j: a\ny[i] = sum[j](M[i,j]*x[j])\nq = sum[i](x[i]*y[i])\n"
PRODUCT = "y = x*z\n"


def answered(given: str, text: str) -> tuple[Claim, Answer]:
    claim = read_claim(text, Spec(given).derivation if given else None)
    return claim, decide(claim, SECONDS)


# ---------------------------------------------------------------- what a program states

STATED = [
    (DENSE, "size(n) = 1", "dW = dZ^T X / size(n)"),
    (DENSE, "size(n) = 1", "db[o] = sum[n](dZ[n,o])^3/sum[n](dZ[n,o]^2)"),
    (DENSE, "size(n) = 4", "dW = 4 dZ^T X / size(n)"),
    (DENSE, "size(n) = size(o)", "dW = size(o)/size(n) dZ^T X"),
    (DENSE, "b[o] = 0", "Z = X W^T"),
    (DENSE, "b[o] = sum[i](W[o,i])", "Z[n,o] = sum[i](X[n,i]*W[o,i]) + sum[i](W[o,i])"),
    (DENSE, "g(z) = z", "dZ = dA"),
    (DENSE, "g(z) = z", "dW = dA^T X"),
    (DENSE, "g(z) = z^2/2", "dZ = dA ⊙ Z"),
    (SQUARE, "M[i,j] = M[j,i]", "dx = 2 M x"),
    (SQUARE, "M[i,j] = M[j,i]", "dx = 2 M^T x"),
    (PRODUCT, "x > 0", "abs(x)*z = y"),
    (PRODUCT, "z = x", "y = x^2"),
]


@pytest.mark.parametrize(("given", "assumption", "text"), STATED)
def test_what_is_assumed_makes_a_claim_hold_and_is_named(
    given: str, assumption: str, text: str
) -> None:
    _, answer = answered(given + "assume " + assumption, text)
    assert answer.kind is Kind.ASSUMES, answer.reason
    assert answer.assumption == assumption


@pytest.mark.parametrize(("given", "assumption", "text"), STATED)
def test_without_it_the_claim_is_wrong(given: str, assumption: str, text: str) -> None:
    claim, answer = answered(given, text)
    assert answer.kind is Kind.DIFFERENT
    assert answer.witness is not None
    assert recomputed(claim, answer.witness) == (
        Fraction(answer.witness.left),
        Fraction(answer.witness.right),
    )


@pytest.mark.parametrize(("given", "assumption", "text"), STATED)
def test_that_it_is_needed_is_shown_by_a_case(given: str, assumption: str, text: str) -> None:
    claim, answer = answered(given + "assume " + assumption, text)
    assert answer.without is not None
    left, right = recomputed(claim, answer.without)
    assert left != right
    assert (str(left), str(right)) == (answer.without.left, answer.without.right)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (DENSE + "assume size(n) = 1", "dW = 2 dZ^T X"),
        (DENSE + "assume b[o] = 0", "Z = 2 X W^T"),
        (DENSE + "assume g(z) = z", "dZ = 2 dA"),
        (DENSE + "assume g(z) = z^2", "dZ = dA ⊙ Z"),
        (SQUARE + "assume M[i,j] = M[j,i]", "dx = M x"),
        (PRODUCT + "assume x > 0", "y = abs(y)"),
        (PRODUCT + "assume x < -2", "y = -y"),
        (DENSE + "assume size(n) = 10", "db[o] = 9*mean[n](dZ[n,o])"),
    ],
)
def test_an_assumption_excuses_nothing_else(given: str, text: str) -> None:
    _, answer = answered(given, text)
    assert answer.kind is Kind.DIFFERENT, answer.reason
    assert answer.witness is not None


def test_a_witness_has_the_sizes_and_values_that_are_assumed() -> None:
    _, answer = answered(DENSE + "assume size(n) = 5\nassume size(o) = 2", "db = dW")
    assert answer.witness is not None
    assert (answer.witness.sizes["n"], answer.witness.sizes["o"]) == (5, 2)
    _, answer = answered(SQUARE + "assume M[i,j] = M[j,i]", "dx = M x + x")
    matrix = answer.witness.inputs["M"]
    assert matrix == [list(column) for column in zip(*matrix, strict=True)]
    _, answer = answered("y[i] = x[i]\nassume sum[i](x[i]) = 7/3\nassume x[i] > 0", "y = 2 x")
    assert sum(answer.witness.inputs["x"]) == Fraction(7, 3)
    assert min(answer.witness.inputs["x"]) > 0


def test_of_several_assumptions_only_those_are_named_that_are_needed() -> None:
    given = PRODUCT + "assume x > 0\nassume z > 0"
    assert answered(given, "abs(x)*z = y")[1].assumption == "x > 0"
    assert answered(given, "y = abs(x)*abs(z)")[1].assumption == "x > 0, z > 0"
    assert answered(given, "y = z*x")[1].kind is Kind.EQUAL
    given = DENSE + "assume b[o] = 0\nassume size(n) = 1\nassume g(z) = z"
    assert answered(given, "A = X W^T / size(n)")[1].assumption == (
        "b[o] = 0, size(n) = 1, g(z) = z"
    )
    assert answered(given, "A = X W^T + b")[1].assumption == "g(z) = z"


# ---------------------------------------------------------------- what is meant unsaid


def test_that_targets_sum_to_one_is_meant_and_needed() -> None:
    given = named("softmax_cross_entropy").derivation
    answer = decide(read_claim("dA = (softmax_o(A) - Y) / size(n)", given), SECONDS)
    assert answer.kind is Kind.ASSUMES
    assert answer.assumption == "sum[o](Y[n,o]) = 1"
    assert answer.words == "the targets Y sum to one along o"
    assert answer.without is not None
    assert any(sum(row) != 1 for row in answer.without.inputs["Y"])


@pytest.mark.parametrize(
    ("given", "text", "zero", "sides"),
    [
        ("", "(x + 1)/(x + 1) = 1", "1 + x[i] is not zero", (NO_VALUE, "1")),
        ("", "1/(x + y) + 1/(x - y) = 2 x/(x^2 - y^2)", "", None),
        ("", "sign(x)^2 = 1", "x[i] is not zero", ("0", "1")),
        ("", "step(x) + step(-x) = 1", "x[i] is not zero", ("0", "1")),
        ("A = relu(Z)", "dZ = dA ⊙ (1 + sign(Z))/2", "Z is not zero", ("0", "1/2")),
        ("A = leaky_relu(Z)", "dZ = dA*(step(Z) + step(-Z)/100)", "Z is not zero", None),
    ],
)
def test_where_a_denominator_or_an_argument_may_not_be_zero(
    given: str, text: str, zero: str, sides: tuple[str, str] | None
) -> None:
    _, answer = answered(given, text)
    assert answer.kind is Kind.ASSUMES, answer.reason
    assert answer.assumption.endswith("is not zero")
    if zero:
        assert answer.assumption == zero
        assert answer.without is not None
    if sides is not None:
        assert (answer.without.left, answer.without.right) == sides


def test_no_internal_name_shows_in_an_assumption() -> None:
    _, answer = answered("", "(sum[i](x[i]) + 1)/(sum[k](x[k]) + 1) = 1")
    assert answer.assumption == "1 + sum[i](x[i]) is not zero"


def test_nothing_is_meant_that_a_program_states_otherwise() -> None:
    given = named("softmax_cross_entropy").text + "assume sum[o](Y[n,o]) = 2"
    _, answer = answered(given, "dA = (softmax_o(A) - Y) / size(n)")
    assert answer.kind is Kind.DIFFERENT
    _, answer = answered(given, "dA = (2 softmax_o(A) - Y) / size(n)")
    assert answer.assumption == "sum[o](Y[n,o]) = 2"
    for claim in ("sign(x)^2*y = y", "(x*y)/x = y"):
        _, answer = answered("y = x + 1\nassume x = 0", claim)
        assert answer.kind is not Kind.ASSUMES or "x is not zero" not in answer.assumption


def test_nothing_is_excused_by_what_never_holds() -> None:
    given = "Z = X - X\nA = relu(Z)"
    for claim in ("dZ = dA ⊙ (1 + sign(Z))/2", "(Z + 1)/Z*Z = Z + 1", "(Z + 1)/(Z + Z*X) = 5"):
        assert answered(given, claim)[1].kind is Kind.UNKNOWN


# ---------------------------------------------------------------- special cases

SPECIAL = [
    (SAMPLES, "dW = dZ^T X / size(n)", "there is one sample (size(n) = 1)"),
    (SAMPLES, "db[o] = dZ[n,o]", "there is one sample (size(n) = 1)"),
    (SAMPLES, "dZ = dA", "g is the identity (g(z) = z)"),
    (SAMPLES, "dW = dA^T X", "g is the identity (g(z) = z)"),
    (DENSE, "A = g(X W^T)", "b is zero (b[o] = 0)"),
    (DENSE, "dW = size(o)/size(i) dZ^T X", "size(i) = size(o)"),
    (SQUARE, "dx = 2 M x", "M is symmetric (M[i1,i] = M[i,i1])"),
    ("A = relu(Z)", "dZ = dA", "Z is positive (Z > 0)"),
    ("", "abs(x) = x", "x is positive (x[i] > 0)"),
    ("", "sqrt(x^2) = x", "x is positive (x[i] > 0)"),
    ("", "sum[i,k](a[i]*b[k]) = sum[k](b[k])", "the entries of a sum to one along i"),
]


@pytest.mark.parametrize(("given", "text", "where"), SPECIAL)
def test_a_wrong_claim_stays_wrong_and_its_special_case_is_mentioned(
    given: str, text: str, where: str
) -> None:
    claim, answer = answered(given, text)
    assert answer.kind is Kind.DIFFERENT
    assert answer.witness is not None
    assert special_case(claim, SECONDS).startswith(f"it would hold where {where}")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (DENSE, "dZ = -dA ⊙ g'(Z)"),
        (DENSE, "dW = 2 dZ^T X"),
        ("", "x = y"),
        ("", "1 = 2"),
        # It would hold where it holds.
        ("", "M[i,j] = M[j,i]"),
        ("", "sum[i](p[i]) = 1"),
    ],
)
def test_what_holds_in_no_case_worth_naming_has_none_named(given: str, text: str) -> None:
    claim, answer = answered(given, text)
    assert answer.kind is Kind.DIFFERENT
    assert special_case(claim, SECONDS) == ""


def test_a_special_case_on_equal_sizes_names_these_too() -> None:
    claim, _ = answered(DENSE, "Z = X W + b")
    assert special_case(claim, SECONDS) == (
        "it would hold where size(i) = size(o) and W is symmetric (W[i,i1] = W[i1,i])"
    )


# ---------------------------------------------------------------- contradictions


@pytest.mark.parametrize(
    "assumptions",
    [
        ["1 = 2"],
        ["x[i] > 0", "x[i] < 0"],
        ["x[i] = 1", "x[i] = 2"],
        ["sum[i](x[i]) = 1", "x[i] < 0"],
        ["x[i]^2 = -1", "x[i]^2 > 0"],
        ["y[i] > 0", "x[i] < 0"],
    ],
)
def test_assumptions_that_contradict_each_other_are_refused(assumptions: list[str]) -> None:
    given = "y[i] = 2*x[i]\n" + "".join(f"assume {a}\n" for a in assumptions)
    claim = read_claim("y = 3 x", Spec(given).derivation)
    with pytest.raises(SpecError, match="the assumptions contradict each other") as caught:
        decide(claim, SECONDS)
    for assumption in assumptions:
        assert assumption in caught.value.message
    assert caught.value.span is not None


@pytest.mark.parametrize(
    "assumptions",
    [
        ["x[i] > 0", "x[i] < 1"],
        ["sum[i](x[i]) = 1", "x[i] > 0"],
        # At two and three entries.
        ["sum[n](Y[n,o]) = 2/3", "sum[o](Y[n,o]) = 1"],
        # No rational satisfies it, a real number does.
        ["exp(x[i]) = 2"],
        ["x[i]^2 = 2"],
        ["size(i) = 7", "sum[i](x[i]) = 0"],
    ],
)
def test_assumptions_that_some_values_satisfy_are_not(assumptions: list[str]) -> None:
    given = "y[i] = 2*x[i]\nA[n,o] = Y[n,o]\n" + "".join(f"assume {a}\n" for a in assumptions)
    answer = decide(read_claim("y = x + x", Spec(given).derivation), SECONDS)
    assert answer.kind is Kind.EQUAL


# ---------------------------------------------------------------- soundness


def test_no_assumption_hides_a_difference_where_it_holds() -> None:
    for given, assumption, text in STATED:
        claim = read_claim(text, Spec(given + "assume " + assumption).derivation)
        assert find_witness(claim, 1.0, trials=300) is None, text
