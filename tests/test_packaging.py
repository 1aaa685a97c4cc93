"""What is installed is what is in the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_a_wheel_holds_every_module_and_every_data_file(tmp_path: Path) -> None:
    # In a copy: a build leaves files behind that the next one would pick up.
    away = ("build", ".*", "__pycache__", "tests", "*.egg-info", "benchmarks")
    copy = shutil.copytree(ROOT, tmp_path / "copy", ignore=shutil.ignore_patterns(*away))
    code = "import setuptools.build_meta as b, sys; b.build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=copy, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    held = {n for n in zipfile.ZipFile(wheel).namelist() if n.startswith("backproof/")}

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    expected = set()
    for package, folder in settings["tool"]["setuptools"]["package-dir"].items():
        base = package.replace(".", "/")
        for path in (ROOT / folder).rglob("*"):
            data = (".spec", ".html", ".svg", ".css")
            if path.suffix in (".py", *data) or path.name == "py.typed":
                expected.add(f"{base}/{path.relative_to(ROOT / folder).as_posix()}")

    assert held == expected
