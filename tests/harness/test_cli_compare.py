"""``backproof compare`` as a user calls it."""

from __future__ import annotations

import json

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
