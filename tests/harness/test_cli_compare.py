"""``backproof compare`` as a user calls it."""

from __future__ import annotations

import json
import re
import time

import pytest

# Claims on the dense layer, each in the three layouts: what is right in one is wrong in another.
CLAIMS = ("dW = dZ^T X", "dW = X^T dZ", "dW = dZ X^T", "dX = dZ W", "dX = dZ W^T", "dX = W^T dZ")
RIGHT = {
    "ni,oi->no": {"dW = dZ^T X", "dX = dZ W"},
    "ni,io->no": {"dW = X^T dZ", "dX = dZ W^T"},
    "oi,in->on": {"dW = dZ X^T", "dX = W^T dZ"},
}


@pytest.mark.parametrize("layout", RIGHT)
def test_the_gradients_of_the_dense_layer(cli, layout: str) -> None:
    ran = cli("compare", *CLAIMS, "--given", "dense", "--layout", layout, "--json", "-")

    data = json.loads(ran.out)
    verdicts = {f["statement"]: f["verdict"] for f in data["findings"]}
    assert verdicts == {c: "holds" if c in RIGHT[layout] else "refuted" for c in CLAIMS}
    assert ran.code == 1
    assert data["ok"] is False


@pytest.mark.parametrize(
    ("claim", "kind", "variant"),
    [
        ("dW = X^T dZ", "transposed", None),
        ("dW[o,i] = sum[n](dZ[n,o]*X[n,i])/size(n)", "wrong-scale", "divided by the samples"),
        ("dW = -dZ^T X", "wrong-sign", "negated"),
        ("dW = dA^T X", "missing-activation-derivative", "dA for dZ"),
        ("dZ = dA", "missing-activation-derivative", "missing"),
        ("dZ = dA * sigmoid'(A)", "derivative-at-output", "at the output"),
        ("dZ = dA * (1 - A)", "missing-term", "1 - a"),
        ("dZ = dA * A * (1 + A)", "wrong-sign", "a(1 + a)"),
        ("db[o] = dZ[n,o]", "missing-sum", "missing"),
        ("db = sum_o(dZ)", "wrong-axis", "o"),
        ("dX = dA W", "missing-activation-derivative", "dA for dZ"),
    ],
)
def test_a_wrong_claim_is_named_and_corrected(cli, claim, kind, variant) -> None:
    ran = cli("compare", claim, "--given", "dense", "--activation", "sigmoid", "--json", "-")

    (finding,) = json.loads(ran.out)["findings"]
    assert finding["verdict"] == "refuted"
    assert finding["mistake"]["kind"] == kind
    if variant is not None:
        assert finding["mistake"]["variant"] == variant
    assert finding["counterexample"]["sizes"]
    quantity = claim.split("=")[0].split("[")[0].strip()
    right = finding["derived"]["index" if "[" in claim else "matrix"]
    assert finding["correction"] == right
    assert finding["quantity"] == quantity
    again = cli("compare", right, "--given", "dense", "--activation", "sigmoid")
    assert again.code == 0


def test_claims_without_anything_given(cli) -> None:
    claims = ["(A B)^T = B^T A^T", "M[i,j] = M[j,i]", "sigmoid(x) = (1 + tanh(x/2))/2"]

    data = json.loads(cli("compare", *claims, "--json", "-").out)

    assert [f["verdict"] for f in data["findings"]] == ["holds", "refuted", "holds"]


def test_all_right_claims_exit_with_0(cli) -> None:
    ran = cli("compare", "dW = dZ^T X", "db = sum_n(dZ)", "--given", "dense")

    assert ran.code == 0
    assert "2 holds, 0 refuted, 0 assumes, 0 unknown, 0 unread, 0 error" in ran.out


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ("dW = dZ^T V", "unknown tensor 'V'"),
        ("dW = dZ^T (X", "'(' is never closed"),
        ("dW", "expected '='"),
        ("dW = ", "expected a tensor, a number, a function or '('"),
        ("dW[o,i] = sum[n](dZ[n,o]*X[n])", "X has 2 indices, found 1"),
        ("dZ = dA * sigmod(Z)", "unknown function 'sigmod'"),
    ],
)
def test_a_claim_that_cannot_be_read(cli, claim: str, message: str) -> None:
    ran = cli("compare", claim, "--given", "dense")

    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""


# ---------------------------------------------------------------- names of mistakes


@pytest.mark.parametrize(
    ("given", "claim", "kind", "sentence"),
    [
        ("mean_squared_error", "dA = 2 (A - Y)", "wrong-scale", "1/size(n)/size(o) is missing"),
        ("mean_squared_error", "L = sum_n(sum_o((A - Y)^2))", "wrong-scale", "is missing"),
        ("mean_squared_error", "dA = 3 (A - Y) / size(n)", "wrong-scale", "3*size(o)/2 times"),
        ("softmax_cross_entropy", "dA = softmax_o(A) - Y", "wrong-scale", "1/size(n) is missing"),
        ("softmax_cross_entropy", "dA = (Y - softmax_o(A))/size(n)", "wrong-sign", "sign is wrong"),
        ("dense", "Z = X W + b", "transposed", "W is transposed"),
        ("dense", "dX = -3 dZ W", "wrong-sign", "-3 times"),
        ("dense", "dW[o,i] = dZ[n,o]*X[n,i]", "missing-sum", "the sum over n is missing"),
        ("dense", "dX[n,i] = dZ[n,o]*W[o,i]", "missing-sum", "the sum over o is missing"),
    ],
)
def test_what_no_single_rewriting_explains_is_named(cli, given, claim, kind, sentence) -> None:
    ran = cli("compare", claim, "--given", given, "--json", "-")

    (finding,) = json.loads(ran.out)["findings"]
    assert finding["verdict"] == "refuted"
    assert finding["mistake"]["kind"] == kind
    assert sentence in finding["mistake"]["sentence"]


# ---------------------------------------------------------------- assumptions and special cases


def test_an_assumption_is_named_in_notation_and_in_words_and_shown_to_be_needed(cli) -> None:
    claim = "dA = (softmax_o(A) - Y)/size(n)"
    ran = cli("compare", claim, "--given", "softmax_cross_entropy", "--json", "-")

    (finding,) = json.loads(ran.out)["findings"]
    assert (ran.code, finding["verdict"]) == (0, "assumes")
    assert finding["assumption"] == "sum[o](Y[n,o]) = 1"
    words, needed = finding["notes"]
    assert words == "that is, the targets Y sum to one along o"
    assert needed.startswith("without it the claim fails: with n = 1, o = 1, A = [[0]], Y = [[")


def test_a_side_without_a_value_is_said_to_have_none(cli) -> None:
    ran = cli("compare", "(x + 1)/(x + 1) = 1", "--json", "-")

    (finding,) = json.loads(ran.out)["findings"]
    assert finding["notes"][-1].endswith("the left side has no value at i = 1, the right side is 1")


def test_a_wrong_claim_is_refuted_and_its_special_case_is_a_note(cli) -> None:
    ran = cli("compare", "dW = dZ^T X / size(n)", "--given", "dense", "--json", "-")

    (finding,) = json.loads(ran.out)["findings"]
    assert (ran.code, finding["verdict"]) == (1, "refuted")
    assert finding["notes"] == ["it would hold where there is one sample (size(n) = 1)"]


def test_assumptions_that_contradict_each_other_end_the_command(cli) -> None:
    given = "y[i] = 2*x[i]; assume x[i] > 0; assume x[i] < 0"
    ran = cli("compare", "y = 3 x", "--given", given)

    assert ran.code == 2
    assert "the assumptions contradict each other" in ran.err


# ---------------------------------------------------------------- the budget


def test_what_is_left_open_says_what_was_tried(cli) -> None:
    claim = "log(x^2 + 2*x*y + y^2) = 2*log(x + y)"
    ran = cli("compare", claim, "--json", "-")

    (finding,) = json.loads(ran.out)["findings"]
    assert finding["verdict"] == "unknown"
    assert "the normal forms differ" in finding["message"]
    assert re.search(r"cannot be told apart at \d+ points of sizes up to \d", finding["message"])


def test_a_claim_takes_no_longer_than_its_budget(cli) -> None:
    # Twelve indices along one axis: at size three half a million products a value.
    letters = "abcdefghijkl"
    pairs = zip(letters, letters[1:] + letters[0], strict=True)
    trace = "*".join(f"M[{u},{v}]" for u, v in pairs)
    claim = f"sum[{','.join(letters)}]({trace})*(log(x^2 + 2*x*y + y^2) - 2*log(x + y)) = 0"
    start = time.perf_counter()
    ran = cli("compare", claim, "--budget", "0.5", "--json", "-")

    (finding,) = json.loads(ran.out)["findings"]
    assert finding["verdict"] == "unknown"
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("budget", ["0", "-1", "soon"])
def test_a_budget_is_a_time(cli, budget: str) -> None:
    assert cli("compare", "x = y", "--budget", budget).code == 2
