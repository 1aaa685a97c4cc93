"""Loading what a user names, and what is said when it cannot be loaded."""

import os
import sys
from pathlib import Path

import pytest

from backproof.errors import UsageError
from backproof.loading import load


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _refused(address: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        load(address)
    return caught.value


def test_a_class_of_a_file(tmp_path: Path) -> None:
    path = _write(tmp_path, "layers.py", "class Dense:\n    pass\n")

    loaded = load(f"{path}:Dense")

    assert loaded.object.__name__ == "Dense"
    assert loaded.module.Dense is loaded.object
    assert loaded.file == str(path)
    assert (loaded.name, loaded.label) == ("Dense", "layers.py:Dense")


def test_a_dotted_name_reaches_into_a_class(tmp_path: Path) -> None:
    path = _write(tmp_path, "nested.py", "class Outer:\n    class Inner:\n        pass\n")

    assert load(f"{path}:Outer.Inner").object.__qualname__ == "Outer.Inner"
    assert "'Inne'" in _refused(f"{path}:Outer.Inne").message


def test_a_name_of_a_module() -> None:
    loaded = load("backproof.errors:UsageError")

    assert loaded.object is UsageError
    assert loaded.label == "backproof.errors:UsageError"


def test_siblings_are_found_and_the_path_is_left_as_it_was(tmp_path: Path) -> None:
    _write(tmp_path, "some_sibling_module.py", "VALUE = 7\n")
    path = _write(
        tmp_path, "main.py", "from some_sibling_module import VALUE\nclass A: v = VALUE\n"
    )
    before = list(sys.path)

    assert load(f"{path}:A").object.v == 7
    assert sys.path == before


def test_two_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    paths = []
    for k in (1, 2):
        folder = tmp_path / str(k)
        folder.mkdir()
        paths.append(_write(folder, "layers.py", f"class A: v = {k}\n"))

    first, second = (load(f"{path}:A") for path in paths)

    assert (first.object.v, second.object.v) == (1, 2)
    assert first.module.__name__ != second.module.__name__
    assert sys.modules[first.module.__name__] is first.module


def test_a_dataclass_can_look_its_module_up(tmp_path: Path) -> None:
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    path = _write(tmp_path, "data.py", text + "@dataclass\nclass A:\n    v: int = 3\n")

    assert load(f"{path}:A").object().v == 3


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    path = _write(tmp_path, "layers.py", "class A: v = 1\n")
    assert load(f"{path}:A").object.v == 1

    _write(tmp_path, "layers.py", "class A: v = 'changed'\n")
    assert load(f"{path}:A").object.v == "changed"


# ---------------------------------------------------------------- what is refused


def test_no_colon(tmp_path: Path) -> None:
    path = _write(tmp_path, "layers.py", "class Dense: pass\ndef forward(): pass\n")

    error = _refused(str(path))

    assert "names no object" in error.message
    assert "defines Dense, forward" in error.help
    assert "path/to/file.py:Name" in _refused("layers").help


def test_no_name_after_the_colon(tmp_path: Path) -> None:
    path = _write(tmp_path, "layers.py", "class Dense: pass\n")

    assert "names no object" in _refused(f"{path}:").message


def test_no_such_file(tmp_path: Path) -> None:
    _write(tmp_path, "layers.py", "")

    error = _refused(f"{tmp_path / 'layer.py'}:Dense")

    assert error.message == f"the file '{tmp_path / 'layer.py'}' does not exist"
    assert "layers.py" in error.help
    assert "is a folder" in _refused(f"{tmp_path}/:Dense").message


def test_no_such_module() -> None:
    assert _refused("no_such_module.at_all:Dense").message == (
        "there is no module named 'no_such_module'"
    )
    assert "'backproof.nothing'" in _refused("backproof.nothing:Dense").message


def test_no_such_name_lists_near_ones(tmp_path: Path) -> None:
    path = _write(tmp_path, "layers.py", "class DenseLayer: pass\nclass Conv: pass\n")

    error = _refused(f"{path}:DenseLayr")

    assert error.message == f"'{path}' has no name 'DenseLayr'"
    assert error.help == "known there: DenseLayer"
    assert _refused(f"{path}:Zzz").help == "known there: Conv, DenseLayer"


def test_an_import_that_raises_shows_the_users_own_lines(tmp_path: Path) -> None:
    text = "import json\n\ndef settings():\n    return json.loads('{')\n\nS = settings()\n"
    path = _write(tmp_path, "broken.py", text)

    lines = _refused(f"{path}:A").message.splitlines()

    assert lines[0] == "'broken.py' cannot be imported"
    assert lines[1] == "  broken.py:6: in <module>: `S = settings()`"
    assert lines[2] == "  broken.py:4: in settings: `return json.loads('{')`"
    assert lines[3].startswith("  JSONDecodeError: ")
    assert len(lines) == 4


def test_a_failed_import_leaves_no_module_behind(tmp_path: Path) -> None:
    path = _write(tmp_path, "broken.py", "1 / 0\n")
    before = set(sys.modules)

    assert "ZeroDivisionError: division by zero" in _refused(f"{path}:A").message
    assert set(sys.modules) == before


def test_a_syntax_error_shows_its_line(tmp_path: Path) -> None:
    path = _write(tmp_path, "broken.py", "x = 1\nclass A\n")

    message = _refused(f"{path}:A").message

    assert "  broken.py:2: `class A`" in message
    assert "  SyntaxError: expected ':'" in message


def test_a_missing_import_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path, "needs.py", "import no_such_package\n")

    error = _refused(f"{path}:A")

    assert "needs.py:1: in <module>: `import no_such_package`" in error.message
    assert "no_such_package" in error.help


def test_a_module_that_exits_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    path = _write(tmp_path, "exits.py", "raise SystemExit(3)\n")

    assert "SystemExit: 3" in _refused(f"{path}:A").message


def test_a_file_changed_within_a_second_is_loaded_as_it_is_now(tmp_path: Path) -> None:
    # Bytecode is told from that of another text by size and time alone.
    path = _write(tmp_path, "changing.py", "class A:\n    value = 'a'\n")
    seen = []
    for value in ("a", "b"):
        path.write_text(f"class A:\n    value = '{value}'\n", encoding="utf-8")
        os.utime(path, (1_000_000_000, 1_000_000_000))
        seen.append(load(f"{path}:A").object.value)

    assert seen == ["a", "b"]
