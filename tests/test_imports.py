"""What is loaded when: heavy libraries only where a command needs them."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("jax", "sympy", "hypothesis", "numpy", "flint", "rich")


def loaded_after(code: str) -> set[str]:
    """The heavy libraries in ``sys.modules`` after a fresh interpreter ran some code."""
    program = f"{code}\nimport sys\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(eval(done.stdout.strip().splitlines()[-1]))


RUN = "import backproof.cli.main as m\nm.run({arguments!r})"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    assert loaded_after(RUN.format(arguments=arguments)) == set()


@pytest.mark.parametrize("command", ["verify", "derive", "compare", "report"])
def test_the_help_of_a_command_loads_nothing_heavy(command: str) -> None:
    assert loaded_after(RUN.format(arguments=[command, "--help"])) == set()


def test_spec_alone_loads_no_numbers_and_no_harness() -> None:
    code = (
        "from backproof.spec.library import dense\n"
        "dense(activation='sigmoid').gradients()['W'].index\n"
        "import sys\n"
        "assert not [m for m in sys.modules if m.startswith(('backproof.impl', 'backproof.oracles',"
        " 'backproof.reports', 'backproof.cli', 'backproof.api'))]"
    )

    assert loaded_after(code) == set()


def test_deriving_loads_neither_jax_nor_hypothesis() -> None:
    loaded = loaded_after(RUN.format(arguments=["derive", "dense"]))

    assert not loaded & {"jax", "hypothesis", "numpy"}


def test_the_check_can_fail() -> None:
    assert "numpy" in loaded_after("import numpy")
