"""The GitHub Action and the pre-commit hook: their commands are run as those services run them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def parsed(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "layer_dense.py", tmp_path / "wrong.py")
    shutil.copy(ROOT / "examples" / "layer_dense_mended.py", tmp_path / "right.py")
    return tmp_path


def run(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def verifying_step() -> str:
    *_, last = parsed("action.yml")["runs"]["steps"]
    return str(last["run"])


@pytest.mark.parametrize(("layer", "code"), [("wrong", 1), ("right", 0)])
def test_the_action_verifies_and_writes_its_files(project: Path, layer: str, code: int) -> None:
    done = run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", verifying_step()],
        project,
        LAYERS=f"\n  {layer}.py:LayerDense\n",
        ARGUMENTS="--examples 8 --dtype float64",
        SARIF="out.sarif",
        JUNIT="out.xml",
    )

    assert done.returncode == code, done.stderr
    assert ("::error file=wrong.py,line=17" in done.stdout) == (code == 1)
    assert (project / "out.sarif").is_file()
    assert (project / "out.xml").is_file()


def test_the_action_runs_no_text_of_its_inputs(project: Path) -> None:
    done = run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", verifying_step()],
        project,
        LAYERS="$(touch run) `touch run` ;touch run",
        ARGUMENTS="",
        SARIF="",
        JUNIT="",
    )

    assert done.returncode == 1
    assert not (project / "run").exists()


def test_every_input_of_the_action_is_used() -> None:
    action = parsed("action.yml")
    text = (ROOT / "action.yml").read_text(encoding="utf-8")

    for name in action["inputs"]:
        assert f"inputs.{name}" in text


def test_the_hook_verifies(project: Path) -> None:
    (hook,) = parsed(".pre-commit-hooks.yaml")
    command = [*shlex.split(hook["entry"]), "--examples", "8"]

    assert hook["pass_filenames"] is False
    assert run([*command, "right.py:LayerDense"], project).returncode == 0
    assert run([*command, "wrong.py:LayerDense"], project).returncode == 1
