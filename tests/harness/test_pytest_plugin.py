"""The pytest plugin, in runs of pytest of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"

HEAVY = {"numpy", "jax", "sympy", "hypothesis.strategies", "rich", "click", "msgspec"}

SETTINGS = """
[tool.backproof]
examples = 12
layers = ["wrong.py:LayerDense", {layer = "mended.py:LayerDense", layout = "ni,io->no"}]
"""

TESTS = """
import backproof as bp
import pytest

from wrong import LayerDense


def test_wrong():
    bp.check(LayerDense, examples=12)


@pytest.mark.backproof(examples=3)
def test_options():
    with pytest.raises(bp.Refuted) as refuted:
        bp.check(LayerDense)
    assert refuted.value.report.environment["examples"] == 3


def test_without_backproof():
    pass
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(EXAMPLES / "layer_dense.py", tmp_path / "wrong.py")
    shutil.copy(EXAMPLES / "layer_dense_mended.py", tmp_path / "mended.py")
    (tmp_path / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    return tmp_path


def pytest_in(folder: Path, *arguments: str) -> tuple[int, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "workers"])
def test_layers_are_tests(project: Path, workers: tuple[str, ...]) -> None:
    code, text = pytest_in(project, *workers)

    assert code == 1
    assert re.search(r"2 failed, 3 passed", text)
    # The reason is the diagnosis, and no line of a traceback of backproof's own code.
    assert "FAILED pyproject.toml::wrong.py:LayerDense - wrong.py:LayerDense: dW (" in text
    assert "follows:  self.dw = self.a.T @ dz" in text
    assert "harness/" not in text
    assert re.search(r"backproof: 2 layers, \d+ holds, \d+ refuted", text)
    assert (project / ".backproof" / "failures").is_dir()


def chosen(folder: Path, *arguments: str) -> list[str]:
    """The names of the tests that a run would take."""
    text = pytest_in(folder, *arguments, "--collect-only", "-q")[1]
    return re.findall(r"^\S+::(\S+)$", text, re.MULTILINE)


def test_layers_are_chosen_as_tests_are(project: Path) -> None:
    layers, own = ["wrong.py:LayerDense", "mended.py:LayerDense"], "test_options"

    assert chosen(project, "-k", "mended") == layers[1:]
    assert chosen(project, "-m", "backproof") == [own, *layers]
    assert not set(layers) & {*chosen(project, "test_it.py")}
    assert {*layers} < {*chosen(project, "test_it.py", "--backproof")}
    assert not set(layers) & {*chosen(project, "--no-backproof")}


def test_a_layer_that_cannot_be_found_is_one_message(project: Path) -> None:
    (project / "pyproject.toml").write_text(
        '[tool.backproof]\nlayers = ["wrong.py:Layer"]\n', encoding="utf-8"
    )

    code, text = pytest_in(project, "-k", "wrong.py")

    assert code == 1
    assert "has no name 'Layer'" in text
    assert "Traceback" not in text


def test_a_list_that_is_not_understood_is_one_message(project: Path) -> None:
    (project / "pyproject.toml").write_text(
        '[tool.backproof]\nlayers = [{leyer = "wrong.py:LayerDense"}]\n', encoding="utf-8"
    )

    code, text = pytest_in(project)

    assert code == 4
    assert "[tool.backproof] has {'leyer': 'wrong.py:LayerDense'} among its layers" in text


def test_nothing_heavy_is_imported_without_a_layer(project: Path) -> None:
    (project / "pyproject.toml").unlink()
    (project / "test_it.py").write_text(
        "import sys\n\n\ndef test_it():\n"
        f"    heavy = {HEAVY}\n"
        "    assert 'backproof.pytest_plugin' in sys.modules\n"
        "    assert not heavy & sys.modules.keys()\n",
        encoding="utf-8",
    )

    code, text = pytest_in(project, "-p", "no:hypothesispytest", "-p", "no:syrupy", "-p", "no:cov")

    assert code == 0, text
