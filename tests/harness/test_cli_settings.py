"""Where settings come from, and what all commands share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backproof.cli import main as entry

WRONG = ("compare", "dW = X^T dZ", "--given", "dense")


def settings(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.backproof]\n{text}\n", encoding="utf-8")


def test_a_setting_of_the_project_counts(cli, tmp_path: Path) -> None:
    assert cli(*WRONG).code == 1
    settings(tmp_path, "exit-zero = true")

    assert cli(*WRONG).code == 0


def test_a_folder_below_has_the_settings_of_the_project(cli, tmp_path, monkeypatch) -> None:
    settings(tmp_path, "format = 'json'")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")

    assert json.loads(cli(*WRONG).out)["ok"] is False


def test_a_variable_wins_over_the_project_and_a_flag_over_both(cli, tmp_path, monkeypatch) -> None:
    settings(tmp_path, "format = 'json'")
    monkeypatch.setenv("BACKPROOF_FORMAT", "text")
    assert cli(*WRONG).out.startswith("x refuted")

    assert json.loads(cli(*WRONG, "--format", "json").out)["ok"] is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exmaples = 3", "unknown key 'exmaples'\nhelp: a near name is 'examples'"),
        ("strict = ", "pyproject.toml: Invalid value"),
    ],
)
def test_a_wrong_setting_is_an_error(cli, tmp_path: Path, text: str, message: str) -> None:
    settings(tmp_path, text)
    ran = cli(*WRONG)

    assert ran.code == 2
    assert message in ran.err


def test_json_on_standard_output_is_alone(cli) -> None:
    assert json.loads(cli(*WRONG, "--json", "-").out)["command"] == "compare"


def test_colours_only_when_asked_for(cli, monkeypatch) -> None:
    assert "\x1b" not in cli(*WRONG).out
    assert "\x1b" in cli(*WRONG, "--color", "yes").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in cli(*WRONG).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in cli(*WRONG).out


def test_interruption_exits_with_130(cli, monkeypatch) -> None:
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(entry.cli, "invoke", interrupted)

    ran = cli("derive", "dense")
    assert ran.code == 130
    assert "interrupted" in ran.err


def test_a_report_can_be_shown_again(cli, tmp_path: Path) -> None:
    first = cli(*WRONG, "--json", "r.json")
    again = cli("report", "r.json")

    assert again.out == first.out
    assert again.code == first.code == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "backproof/9"}'])
def test_a_report_that_is_none(cli, tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text, encoding="utf-8")
    ran = cli("report", "r.json")

    assert ran.code == 2
    assert ran.err.startswith("error: r.json")


def test_strict_fails_on_what_is_unknown(cli) -> None:
    some = ("compare", "x + x = 2*x", "log(x^2 + 2*x*y + y^2) = 2*log(x + y)")

    assert cli(*some).code == 0
    assert cli(*some, "--strict").code == 1


def test_a_run_in_which_nothing_was_decided_never_passes(cli) -> None:
    assert cli("compare", "log(x^2 + 2*x*y + y^2) = 2*log(x + y)").code == 2
