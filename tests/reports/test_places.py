from __future__ import annotations

import os
from pathlib import Path

import pytest

from backproof.reports.finding import Where
from backproof.reports.places import Span, file_of, line_in_file, relative, span_of, uri


@pytest.fixture(autouse=True)
def _work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def test_a_path_is_written_from_a_folder() -> None:
    here = Path.cwd()

    assert relative("a/b.py", here) == "a/b.py"
    assert relative("a/../b.py", here) == "b.py"
    assert relative(str(here / "c.py"), here) == "c.py"
    assert relative("a.py", here.parent) == "work/a.py"
    assert relative("../a.py", here) == (here.parent / "a.py").as_posix()


def test_an_address_escapes_what_is_no_letter() -> None:
    here = Path.cwd()

    assert uri("a b?#%.py", here) == "a%20b%3F%23%25.py"
    assert uri("\udcff.py", here) == "%ED%B3%BF.py"
    assert uri("/x/y.py", here) == "file:///x/y.py"


def test_what_can_be_no_path_is_none() -> None:
    assert file_of(Where(file="a" * 5000)) is None
    assert file_of(Where(file="a\0b")) is None
    assert file_of(Where(file="")) is None
    assert file_of(None) is None
    assert file_of(Where(file="a.py")) == "a.py"


def test_only_lines_of_the_file_itself_count() -> None:
    assert line_in_file(Where(file="a.py", line=3)) == 3
    assert line_in_file(Where(file="a.ipynb", cell=0, line=3)) is None
    assert line_in_file(Where(file="a.py", line=0)) is None
    assert line_in_file(Where(line=3)) is None


def test_a_known_column_is_taken_as_it_is() -> None:
    assert span_of(Where(file="missing.py", line=3, column=5), "  a = b") == Span(3, 5, 3, 10)


def test_an_unknown_column_is_looked_up_in_the_file() -> None:
    Path("a.py").write_text("x\n    a = (\n        b\n    )  \n", encoding="utf-8")

    assert span_of(Where(file="a.py", line=2), "a = (\n    b\n)") == Span(2, 5, 4, 6)
    assert span_of(Where(file="a.py", line=2), "a = (\n    c\n)") is None
    assert span_of(Where(file="a.py", line=9), "a = (") is None
    assert span_of(Where(file="a.py", line=1), "") is None
    assert span_of(Where(file="a.py", line=1), None) is None


def test_no_other_file_is_read_than_ordinary_ones_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("a = b\n", encoding="utf-8")
    Path("link.py").symlink_to(tmp_path / "secret.py")
    os.mkfifo("pipe.py")
    Path("bytes.py").write_bytes(b"a = b\n\xff\n")
    with Path("large.py").open("wb") as stream:
        stream.write(b"a = b\n")
        stream.truncate(6_000_000)

    for name in ("../secret.py", str(tmp_path / "secret.py"), "link.py", "pipe.py", "bytes.py"):
        assert span_of(Where(file=name, line=1), "a = b") is None
    assert span_of(Where(file="large.py", line=1), "a = b") is None
