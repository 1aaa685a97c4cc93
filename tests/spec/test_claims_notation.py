"""How people write claims: transposes, names of the activation, vectors beside matrices."""

import pytest

from backproof.spec.claims.reading import read_claim
from backproof.spec.deciding.equal import Kind, decide
from backproof.spec.errors import SpecError
from backproof.spec.layer import Spec
from backproof.spec.library import dense, named

SECONDS = 2.0
LATEX = (r"dZ^\top", r"dZ^{\top}", r"dZ^{\intercal}")
SQUARE = "axes i, j: a\ny[i] = sum[j](M[i,j]*x[j]) + b[i]\n"


@pytest.mark.parametrize(
    "transposed",
    [
        "dZ^T",
        "dZ.T",
        "dZᵀ",
        "dZ^⊤",
        "dZ⊤",
        "dZ^{T}",
        "dZ^{ T }",
        r"dZ^\top",
        r"dZ^{\top}",
        "dZ^{⊤}",
    ],
)
def test_every_way_to_write_a_transpose(transposed: str) -> None:
    given = dense().derivation
    assert decide(read_claim(f"dW = {transposed} X", given), SECONDS).kind is Kind.EQUAL
    assert decide(read_claim(f"dX = {transposed} W", given), SECONDS).kind is Kind.DIFFERENT


def test_an_error_beside_such_a_transpose_shows_the_claim_as_it_was_written() -> None:
    text = r"dW = dZ^{\top} V"
    with pytest.raises(SpecError, match="unknown tensor 'V'") as caught:
        read_claim(text, dense().derivation)
    assert text in str(caught.value)
    assert text[caught.value.span.start : caught.value.span.end] == "V"
    with pytest.raises(SpecError, match="stray character") as caught:
        read_claim(r"dW = dZ^{\top} $", dense().derivation)
    assert r"dZ^{\top} $" in str(caught.value)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "silu", "exp"])
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("dZ = dA ⊙ g'(Z)", Kind.EQUAL),
        ("dZ[n,o] = dA[n,o]*g'(Z[n,o])", Kind.EQUAL),
        ("A = g(X W^T + b)", Kind.EQUAL),
        ("dZ = dA ⊙ g'(A)", Kind.DIFFERENT),
        ("dZ[n,o] = dA[n,o]*g(Z[n,o])", Kind.DIFFERENT),
    ],
)
def test_g_is_the_program_s_activation(activation: str, text: str, kind: Kind) -> None:
    if activation == "exp" and text == "dZ[n,o] = dA[n,o]*g(Z[n,o])":
        kind = Kind.EQUAL
    if activation == "relu" and text == "dZ = dA ⊙ g'(A)":
        kind = Kind.EQUAL
    answer = decide(read_claim(text, dense(activation=activation).derivation), SECONDS)
    assert answer.kind is kind
    assert answer.notes[0] == f"g is {activation}"


def test_g_of_a_program_that_has_one_is_that_one() -> None:
    given = Spec("A = g(Z)\nB = tanh(Z)").derivation
    claim = read_claim("dZ = dA ⊙ g'(Z) + dB ⊙ (1 - B^2)", given)
    assert claim.notes == ()
    assert decide(claim, SECONDS).kind is Kind.EQUAL


@pytest.mark.parametrize("text", ["dW = dZ^T X / n", "dW[o,i] = sum[n](dZ[n,o]*X[n,i])/n"])
def test_a_letter_in_place_of_a_size_is_told_how_sizes_are_written(text: str) -> None:
    with pytest.raises(SpecError, match="unknown tensor 'n'") as caught:
        read_claim(text, dense().derivation)
    assert caught.value.help == "the number of entries along n is written size(n)"


# ---------------------------------------------------------------- two readings


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        # A vector that is transposed is a row.
        ("M + b^T = b^T + M", Kind.EQUAL),
        ("M + b^T = M + x^T", Kind.DIFFERENT),
        ("M ⊙ x = x ⊙ M", Kind.EQUAL),
        ("M + b = M + x", Kind.DIFFERENT),
        ("sum_i(y) = sum_i(b) + sum_i(M x)", Kind.EQUAL),
    ],
)
def test_what_is_the_same_in_both_readings_is_judged(text: str, kind: Kind) -> None:
    answer = decide(read_claim(text, Spec(SQUARE).derivation), SECONDS)
    assert answer.kind is kind, answer.reason


def test_what_depends_on_the_reading_is_left_open_with_both_answers() -> None:
    for text in ("M + b = M + b^T", "M ⊙ x = x^T ⊙ M"):
        answer = decide(read_claim(text, Spec(SQUARE).derivation), SECONDS)
        assert answer.kind is Kind.UNKNOWN, text
        assert "equal, with vectors as rows" in answer.reason
        assert "different, with vectors as columns" in answer.reason


# ---------------------------------------------------------------- what is said of what differs


@pytest.mark.parametrize(
    ("activation", "text"),
    [
        ("leaky_relu", "dZ = dA*(step(Z) + step(-Z)/100)"),
        ("relu", "dZ = dA*(1 + sign(Z))/2"),
        ("relu", "dZ = dA*(1 - step(-Z))"),
        ("abs", "dZ = dA*(2 step(Z) - 1)"),
    ],
)
def test_masks_that_differ_at_the_kink_alone(activation: str, text: str) -> None:
    answer = decide(read_claim(text, dense(activation=activation).derivation), SECONDS)
    assert answer.kind is Kind.ASSUMES, answer.reason
    assert answer.assumption == "Z[n,o] is not zero"


@pytest.mark.parametrize(
    ("activation", "text"),
    [
        ("leaky_relu", "dZ = dA*(step(Z) + step(-Z)/10)"),
        ("leaky_relu", "dZ = dA*(step(Z) - step(-Z)/100)"),
        ("relu", "dZ = dA*(1 - sign(Z))/2"),
        ("relu", "dZ = dA ⊙ step(X W^T)"),
        ("abs", "dZ = dA*(2 step(Z) + 1)"),
    ],
)
def test_masks_that_differ_on_a_piece(activation: str, text: str) -> None:
    answer = decide(read_claim(text, dense(activation=activation).derivation), SECONDS)
    assert answer.kind is Kind.DIFFERENT
    assert answer.witness is not None


def test_a_claim_that_has_values_at_few_points_is_refuted_at_one_of_these() -> None:
    # The logarithm of a gradient: it has a value where the gradient is between 0 and 1.
    given = named("binary_cross_entropy").derivation
    claim = read_claim("dY = (log(1 - dA) - log(dA)) / (size(n) ⊙ size(o))", given)
    answer = decide(claim, 5.0)
    assert answer.kind is Kind.DIFFERENT
    assert answer.witness is not None
