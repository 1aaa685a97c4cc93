"""``backproof derive`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backproof.cli.derive import FORMS
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.library import layouts
from backproof.spec.printers.registry import NOTATIONS

DENSE_MATRIX = {
    "ni,oi->no": ("dX = dZ W", "dW = dZ^T X", "db = sum_n(dZ)"),
    "ni,io->no": ("dX = dZ W^T", "dW = X^T dZ", "db = sum_n(dZ)"),
    "oi,in->on": ("dX = W^T dZ", "dW = dZ X^T", "db = sum_n(dZ)"),
}


@pytest.mark.parametrize("layout", DENSE_MATRIX)
def test_the_dense_layer_in_matrix_form(cli, layout: str) -> None:
    ran = cli("derive", "dense", "--layout", layout, "--form", "matrix")

    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "dZ = dA ⊙ g'(Z)"
    assert sorted(lines[1:]) == sorted(DENSE_MATRIX[layout])


def test_equations_on_the_command_line(cli) -> None:
    ran = cli("derive", "L = sum[i,j](x[i]*M[i,j]*x[j])")

    assert ran.code == 0
    assert ran.out.splitlines() == [
        "dL = 1",
        "dx[i] = sum[j](M[i,j]*x[j]) + sum[j](x[j]*M[j,i])",
        "dM[i,j] = x[i]*x[j]",
    ]


def test_a_file_of_equations(cli, tmp_path: Path) -> None:
    (tmp_path / "layer.spec").write_text("A[n] = exp(x[n])\n", encoding="utf-8")

    assert cli("derive", "layer.spec").out == "dx[n] = dA[n]*A[n]\n"


def test_steps_name_their_rules(cli) -> None:
    ran = cli("derive", "dense", "--steps", "--wrt", "W", "--wrt", "b")

    rules = [line.rsplit("   ", 1)[-1].strip() for line in ran.out.splitlines() if line]
    assert rules == [
        "chain rule",
        "derivative of Z[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]",
        "contract the deltas",
        "matrix form",
        "chain rule",
        "derivative of Z[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]",
        "a broadcast's gradient is a sum",
        "matrix form",
    ]


def test_json_has_every_form_of_every_gradient(cli) -> None:
    ran = cli("derive", "dense", "--activation", "sigmoid", "--json", "-")

    assert ran.code == 0
    data = json.loads(ran.out)
    assert data["schema"] == "backproof/1"
    assert data["command"] == "derive"
    assert [g["quantity"] for g in data["gradients"]] == ["dA", "dZ", "dX", "dW", "db"]
    for gradient in data["gradients"]:
        forms = {"index", "matrix", "einsum", "latex", "numpy", "jax", "sympy", "steps"}
        assert forms <= gradient.keys()
        assert all(gradient[f] for f in forms - {"steps"})
    by_name = {g["quantity"]: g for g in data["gradients"]}
    assert by_name["dW"]["index"] == "dW[o,i] = sum[n](dZ[n,o]*X[n,i])"
    assert by_name["dW"]["matrix"] == "dW = dZ^T X"
    assert by_name["dW"]["numpy"] == "dW = dZ.T @ X"
    assert len(by_name["dW"]["steps"]) == 4


@pytest.mark.parametrize("form", ["index", "matrix", "einsum", "latex", "mathml", "numpy", "jax"])
@pytest.mark.parametrize("activation", ["g", *ACTIVATIONS])
def test_every_form_of_every_activation(cli, form: str, activation: str) -> None:
    for layout in layouts():
        ran = cli("derive", "dense", "--layout", layout, "--activation", activation, "--form", form)

        assert (ran.code, ran.err) == (0, "")
        assert "dW" in ran.out


def test_a_three_layer_network(cli) -> None:
    ran = cli("derive", "network", "--depth", "3", "--form", "matrix")

    assert ran.out.splitlines() == [
        "dZ3 = dA3 ⊙ g3'(Z3)",
        "dA2 = dZ3 W3",
        "dZ2 = dA2 ⊙ g2'(Z2)",
        "dA1 = dZ2 W2",
        "dZ1 = dA1 ⊙ g1'(Z1)",
        "dX = dZ1 W1",
        "dW1 = dZ1^T X",
        "db1 = sum_n(dZ1)",
        "dW2 = dZ2^T A1",
        "db2 = sum_n(dZ2)",
        "dW3 = dZ3^T A2",
        "db3 = sum_n(dZ3)",
    ]


def test_layer_l_of_a_network(cli) -> None:
    ran = cli("derive", "dense-l", "--form", "latex", "--wrt", "W{l}")

    assert ran.out == r"dW^{[l]} = dZ^{[l]\top} A^{[l-1]}" + "\n"


def test_a_mean_scale_divides_the_gradients_of_parameters(cli) -> None:
    ran = cli("derive", "dense", "--scale", "mean", "--wrt", "W", "--wrt", "X")

    assert ran.out.splitlines() == [
        "dW[o,i] = sum[n](dZ[n,o]*X[n,i])/size(n)",
        "dX[n,i] = sum[o](dZ[n,o]*W[o,i])",
    ]


def test_expanding_to_the_inputs(cli) -> None:
    ran = cli("derive", "dense", "--expand", "--wrt", "X")

    assert ran.out == ("dX[n,i] = sum[o](dA[n,o]*g'(sum[i1](X[n,i1]*W[o,i1]) + b[o])*W[o,i])\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["derive", "dens"], "no such file or name: dens\nhelp: near names are 'dense'"),
        (["derive", "missing.spec"], "no such file: missing.spec"),
        (["derive", ""], "nothing is given"),
        (["derive", "dense", "--wrt", "V"], "no tensor is named 'V'"),
        (["derive", "dense", "--layout", "xx"], "the dense layer has no layout 'xx'"),
        (["derive", "dense", "--activation", "sigmod"], "unknown activation 'sigmod'"),
        (["derive", "Z[n] = X[m]"], "index 'm' is unbound"),
        (["derive", "dense", "--form", "tex"], "'tex' is not one of"),
        (["derive", "dense", "--jsn", "x"], "No such option"),
        (["derive"], "Missing argument"),
        (["dervie", "dense"], "No such command"),
        (["derive", "dense", "--json", "no/such/folder/x.json"], "no/such/folder"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(cli, arguments, message) -> None:
    ran = cli(*arguments)

    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""


def test_the_command_offers_every_notation() -> None:
    """The command lists them itself, so that its help loads nothing."""
    assert tuple(NOTATIONS) == FORMS
