from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from backproof.reports.errors import ReportError
from backproof.reports.write import append_text, ensure_writable, write_text

Writer = Callable[[Path], None]


def _write(path: Path) -> None:
    write_text(path, "text")


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


BOTH = pytest.mark.parametrize("writer", [_write, ensure_writable])


def _failing(error: BaseException) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


def test_a_new_file_holds_the_text_with_its_line_ends_and_the_usual_permissions(
    tmp_path: Path,
) -> None:
    (usual := tmp_path / "usual").touch()
    write_text(tmp_path / "report.txt", "dW = dZᵀ X\r\n\n")

    assert (tmp_path / "report.txt").read_bytes() == "dW = dZᵀ X\r\n\n".encode()
    assert (tmp_path / "report.txt").stat().st_mode == usual.stat().st_mode
    assert _names(tmp_path) == ["report.txt", "usual"]


def test_a_path_may_be_a_string_and_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_text("report.txt", "text")

    assert (tmp_path / "report.txt").read_text() == "text"


def test_an_existing_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text("a longer text that was there before")
    path.chmod(0o640)
    write_text(path, "new")

    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "target.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    write_text(link, "new")

    assert link.is_symlink()
    assert target.read_text() == "new"
    assert _names(tmp_path / "elsewhere") == ["target.txt"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("before", [None, "old"])
def test_a_failure_leaves_the_old_file_and_no_other(
    step: str, before: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.txt"
    if before is not None:
        path.write_text(before)
    monkeypatch.setattr(os, step, _failing(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(ReportError, match=r"can't write '.*report.txt': No space left on device"):
        write_text(path, "new")

    assert _names(tmp_path) == ([] if before is None else ["report.txt"])
    assert before is None or path.read_text() == before


def test_an_interrupt_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.txt"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", _failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        write_text(path, "new")

    assert _names(tmp_path) == ["report.txt"]
    assert path.read_text() == "old"


def test_a_text_that_has_no_encoding_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text("old")
    with pytest.raises(ReportError, match="can't be encoded as UTF-8: surrogates not allowed"):
        write_text(path, "new \udcff")

    assert path.read_text() == "old"
    assert _names(tmp_path) == ["report.txt"]


@BOTH
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder", "it's a folder"),
        ("missing/report.txt", "there is no folder '.*missing'"),
        ("file/report.txt", "'.*file' is not a folder"),
        ("n" * 300, "File name too long"),
        ("a\0b", "null"),
    ],
)
def test_a_path_that_cannot_be_written_is_named_with_the_reason(
    writer: Writer, name: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    with pytest.raises(ReportError, match=rf"can't write '.*': .*{reason}"):
        writer(tmp_path / name)

    assert _names(tmp_path) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize("writer", [lambda path: write_text(path, "text"), ensure_writable])
def test_an_empty_path_is_refused(writer: Callable[[str], None]) -> None:
    with pytest.raises(ReportError, match="can't write '': the path is empty"):
        writer("")


@BOTH
def test_a_file_made_read_only_is_left_alone(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.txt"
    path.write_text("old")
    # Asked directly, the system would tell an administrator that everything may be written.
    monkeypatch.setattr(os, "access", lambda file, mode: mode != os.W_OK)
    with pytest.raises(ReportError, match="the file is read-only"):
        writer(path)

    assert path.read_text() == "old"


@BOTH
def test_a_folder_that_refuses_is_named(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "open", _failing(PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(ReportError, match=r"can't write '.*report.txt': Permission denied"):
        writer(tmp_path / "report.txt")


@pytest.mark.parametrize("before", [None, "old"])
def test_ensuring_leaves_nothing_behind(before: str | None, tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    if before is not None:
        path.write_text(before)
    ensure_writable(path)

    assert _names(tmp_path) == ([] if before is None else ["report.txt"])
    assert before is None or path.read_text() == before


def test_a_name_as_long_as_the_system_allows_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    ensure_writable(path)
    write_text(path, "text")

    assert path.read_text() == "text"


def test_a_device_stays_a_device() -> None:
    ensure_writable(os.devnull)
    write_text(os.devnull, "text")

    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ensure_writable(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_text(pipe, "text")
    reader.join()

    assert read == ["text"]
    assert _names(tmp_path) == ["pipe"]


def test_text_is_added_to_the_end_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    append_text(path, "first ᵀ\n")
    append_text(path, "second\n")

    assert path.read_bytes() == "first ᵀ\nsecond\n".encode()
    with pytest.raises(ReportError, match=r"can't write '.*missing/a.md': No such file"):
        append_text(tmp_path / "missing" / "a.md", "x")
