"""The arrows between folders, read from the files themselves, so that a new file counts at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Which folders each folder may import from.
ARROWS = {
    "spec": {"spec"},
    "impl": {"impl"},
    "oracles": {"oracles", "spec"},
    "reports": {"reports"},
    "harness": {"harness", "spec", "impl", "oracles", "reports"},
}


def imported_folders(path: Path) -> Iterator[tuple[int, str]]:
    """Line and folder of every import of the project in a file, lazy ones included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            module = node.module or ""
            # "from backproof import spec" names a folder too.
            names = [module] + [f"{module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level > 1:
            # One from beside a module stays in its folder.
            yield node.lineno, "a relative import"
        for name in names:
            parts = name.split(".")
            if parts[0] != "backproof":
                continue
            if len(parts) > 1:
                yield node.lineno, parts[1] if parts[1] in ARROWS else "harness"


def violations(folder: str, path: Path) -> list[str]:
    found = dict.fromkeys(
        f"{path.name}:{line} imports {target}"
        for line, target in imported_folders(path)
        if target not in ARROWS[folder]
    )
    return list(found)


@pytest.mark.parametrize("folder", ARROWS)
def test_a_folder_imports_only_what_it_may(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))

    assert files
    assert [v for path in files for v in violations(folder, path)] == []


def test_a_wrong_import_is_seen(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(
        "import numpy\nfrom backproof.spec import terms\n"
        "def f():\n    from backproof.impl.dense import Dense\n    import backproof.cli.main\n",
        encoding="utf-8",
    )

    assert violations("spec", bad) == ["bad.py:4 imports impl", "bad.py:5 imports harness"]
    assert violations("oracles", bad) == ["bad.py:4 imports impl", "bad.py:5 imports harness"]
    assert violations("harness", bad) == []


def test_no_file_of_the_root_shadows_the_package() -> None:
    assert not (ROOT / "backproof").exists()
    assert not (ROOT / "backproof.py").exists()


def test_no_public_name_is_the_name_of_a_module_of_the_harness() -> None:
    import backproof

    modules = {p.stem for p in (ROOT / "harness").glob("*.py")} | {
        p.name for p in ROOT.iterdir() if p.is_dir()
    }

    assert not modules & set(backproof.__all__) - {"__init__"}
