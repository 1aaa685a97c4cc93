"""``backproof derive --jvp`` and ``--hvp`` as a user calls them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from backproof.cli.derive import FORMS


def test_forward_mode_shows_the_tangents_of_what_is_defined(cli) -> None:
    ran = cli("derive", "dense", "--jvp")

    assert ran.code == 0
    assert ran.out.splitlines() == [
        "tZ[n,o] = sum[i](tX[n,i]*W[o,i]) + sum[i](X[n,i]*tW[o,i]) + tb[o]",
        "tA[n,o] = g'(Z[n,o])*tZ[n,o]",
    ]


def test_wrt_says_what_varies(cli) -> None:
    ran = cli("derive", "dense", "--jvp", "--wrt", "W", "--wrt", "b", "--form", "matrix")

    assert ran.out.splitlines() == ["tZ = X tW^T + tb", "tA = g'(Z) ⊙ tZ"]


def test_second_derivatives_come_with_the_gradients_that_they_are_of(cli) -> None:
    ran = cli("derive", "L = sum[i,j](x[i]*M[i,j]*x[j])", "--hvp", "--wrt", "x")

    assert ran.code == 0
    assert ran.out.splitlines() == [
        "dx[i] = sum[j](M[i,j]*x[j]) + sum[j](x[j]*M[j,i])",
        "tdx[i] = sum[j](M[i,j]*tx[j]) + sum[j](tx[j]*M[j,i])",
    ]


@pytest.mark.parametrize("option", ["--jvp", "--hvp"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_goes_with_it(cli, option: str, form: str) -> None:
    ran = cli("derive", "dense", option, "--activation", "sigmoid", "--form", form)

    assert ran.code == 0
    assert "tZ" in ran.out or "<mi" in ran.out


@pytest.mark.parametrize("option", ["--jvp", "--hvp"])
def test_the_steps_name_the_rules(cli, option: str) -> None:
    ran = cli("derive", "dense", option, "--wrt", "W", "--steps")

    assert ran.code == 0
    assert "tZ[n,o] = sum[i](X[n,i]*tW[o,i])" in ran.out
    assert "chain rule" in ran.out
    assert "derivative of Z[n,o]" in ran.out
    assert ("derivative of dZ[n,o]" in ran.out) == (option == "--hvp")


def test_the_printed_code_runs(cli) -> None:
    ran = cli("derive", "L = sum[n](x[n]^3)", "--hvp", "--form", "numpy")

    scope: dict[str, object] = {}
    exec(ran.out, scope)
    x, v = np.array([1.0, -2.0]), np.array([3.0, 1.0])
    found = scope["forward"](x=x, tx=v)  # type: ignore[operator]
    assert np.array_equal(found["tdx"], 6 * x * v)


def test_json_holds_one_entry_for_each_tangent(cli) -> None:
    data = json.loads(cli("derive", "dense", "--jvp", "--json", "-").out)

    assert [(g["quantity"], g["of"]) for g in data["gradients"]] == [("tZ", "Z"), ("tA", "A")]
    assert "tX" in data["environment"]["numpy"]


@pytest.mark.parametrize("option", ["--jvp", "--hvp"])
def test_an_intermediate_does_not_vary_by_itself(cli, option: str) -> None:
    ran = cli("derive", "dense", option, "--wrt", "Z")

    assert ran.code == 2
    assert "'Z' is defined by a statement and cannot vary by itself" in ran.err
