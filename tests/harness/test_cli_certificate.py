"""Certificates as a user writes and checks them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backproof.spec.library import layouts, losses, names


def changed(path: Path, **entries: Any) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(data | entries), encoding="utf-8")


@pytest.mark.parametrize("layout", layouts())
def test_a_derivation_is_written_and_checked(cli, layout: str) -> None:
    derived = cli("derive", "dense", "--layout", layout, "--certificate", "dense.json")
    assert derived.code == 0

    ran = cli("check-certificate", "dense.json")

    assert ran.code == 0
    # What is shown comes from the certificate, and is what was derived.
    for line in derived.out.splitlines():
        assert line in ran.out
    assert "every step of the derivation is valid" in ran.out
    assert "4 holds" in ran.out


@pytest.mark.parametrize("name", [*losses(), "network"])
def test_a_named_layer_s_derivation_checks(cli, name: str) -> None:
    assert name in names()
    assert cli("derive", name, "--certificate", "it.json").code == 0
    assert cli("check-certificate", "it.json").code == 0


def test_only_what_is_asked_for_is_certified(cli, tmp_path: Path) -> None:
    cli("derive", "dense", "--wrt", "W", "--certificate", "dense.json")

    data = json.loads((tmp_path / "dense.json").read_text(encoding="utf-8"))
    assert [item["of"] for item in data["gradients"]] == ["W"]


def test_what_is_written_down_to_the_inputs_is_certified_too(cli) -> None:
    derived = cli(
        "derive",
        "dense",
        "--activation",
        "tanh",
        "--wrt",
        "b",
        "--expand",
        "--certificate",
        "b.json",
    )
    ran = cli("check-certificate", "b.json")

    assert ran.code == 0
    shown = " ".join(ran.out.split())
    assert f"{derived.out.strip()} every step of the proof is valid" in shown


def test_a_mean_over_the_samples_is_said_to_be_declared(cli) -> None:
    cli("derive", "dense", "--scale", "mean", "--wrt", "W", "--certificate", "dense.json")
    ran = cli("check-certificate", "dense.json")
    assert "divided by size(n) as declared" in " ".join(ran.out.split())


def test_what_is_assumed_is_shown(cli) -> None:
    cli("derive", "y[n] = x[n]/z[n]", "--certificate", "it.json")
    assert "proved where z[n] is not zero" in cli("check-certificate", "it.json").out


def test_claims_that_hold_are_written_and_checked(cli, tmp_path: Path) -> None:
    claims = ("dW = dZ^T X", "dZ = dA ⊙ (A - A^2)", "dW = X^T dZ")
    given = ("--given", "dense", "--activation", "sigmoid")
    compared = cli("compare", *claims, *given, "--certificate", "claims.json")
    assert compared.code == 1
    assert compared.err == ""

    ran = cli("check-certificate", "claims.json")

    assert ran.code == 0
    assert ran.out.count("every step of the proof is valid") == 2
    # The gradients that the claims are about are proved, not believed.
    data = json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))
    assert {item["of"] for item in data["gradients"]} == {"Z", "W"}


def test_a_claim_without_anything_given_has_a_certificate(cli) -> None:
    cli("compare", "(A B)^T = B^T A^T", "--certificate", "it.json")
    assert cli("check-certificate", "it.json").code == 0


def test_where_there_is_no_certificate_the_verdict_stands_and_a_message_says_so(
    cli, tmp_path: Path
) -> None:
    plain = cli("compare", "erf(-x) = -erf(x)")
    ran = cli("compare", "erf(-x) = -erf(x)", "--certificate", "it.json")

    assert ran.code == plain.code == 0
    assert ran.out == plain.out
    assert "the claim holds, but it has no certificate of the simple kind" in ran.err
    assert not (tmp_path / "it.json").exists()


def test_a_claim_that_does_not_hold_writes_nothing(cli, tmp_path: Path) -> None:
    ran = cli("compare", "dW = X^T dZ", "--given", "dense", "--certificate", "it.json")

    assert ran.code == 1
    assert "no claim holds" in ran.err
    assert not (tmp_path / "it.json").exists()


def test_a_step_that_is_refused_is_named_with_its_rule_and_reason(cli, tmp_path: Path) -> None:
    cli("derive", "dense", "--certificate", "it.json")
    path = tmp_path / "it.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    (weights,) = (item for item in data["gradients"] if item["of"] == "W")
    weights["steps"][1]["right"] = ["mul", ["number", "2"], weights["steps"][1]["right"]]
    path.write_text(json.dumps(data), encoding="utf-8")

    ran = cli("check-certificate", "it.json")

    assert ran.code == 1
    shown = " ".join(ran.out.split())
    rule = "derivative of the statement's right side"
    assert f"gradient dW: step 2 ({rule}): the two sides differ" in shown


def test_the_statement_of_a_program_is_not_to_be_changed_behind_a_proof(
    cli, tmp_path: Path
) -> None:
    cli("derive", "dense", "--certificate", "it.json")
    other = ["entry", "Z", ["n:n", "o:o"]]
    program = json.loads((tmp_path / "it.json").read_text(encoding="utf-8"))["program"]
    changed(tmp_path / "it.json", program=[program[0], program[1] | {"right": other}])

    assert cli("check-certificate", "it.json").code == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("", "this is no JSON"),
        ("{", "this is no JSON"),
        ("[" * 100_000, "this is no JSON"),
        ("{}", "no certificate of the format"),
        ('{"format": "backproof/1"}', "no certificate of the format"),
        ("[1]", "no certificate of the format"),
    ],
)
def test_what_is_no_certificate_gives_one_message(
    cli, tmp_path: Path, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / "it.json").write_text(text, encoding="utf-8")

    ran = cli("check-certificate", "it.json")

    assert ran.code == 2
    assert message in ran.err
    assert ran.err.startswith("error: it.json")


def test_a_certificate_that_lacks_a_part_is_refused(cli, tmp_path: Path) -> None:
    (tmp_path / "it.json").write_text('{"format": "backproof-certificate/1"}', encoding="utf-8")

    ran = cli("check-certificate", "it.json")

    assert ran.code == 1
    assert "not well formed" in " ".join(ran.out.split())


def test_the_report_can_be_had_as_json(cli) -> None:
    cli("derive", "dense", "--certificate", "it.json")
    ran = cli("check-certificate", "it.json", "--json", "-")

    report = json.loads(ran.out)
    assert report["command"] == "check-certificate"
    assert report["ok"] is True
    assert {f["verdict"] for f in report["findings"]} == {"holds"}


def test_a_place_that_cannot_be_written_is_said_before_any_work(cli) -> None:
    for command in (("derive", "dense"), ("compare", "x = x")):
        ran = cli(*command, "--certificate", "nowhere/it.json")
        assert ran.code == 2
        assert ran.out == ""
        assert "there is no folder" in ran.err


def test_forward_mode_has_no_certificate(cli, tmp_path: Path) -> None:
    ran = cli("derive", "dense", "--jvp", "--certificate", "it.json")

    assert ran.code == 2
    assert "a certificate is of gradients" in ran.err
    assert not (tmp_path / "it.json").exists()
