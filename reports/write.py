"""The only place that writes to the disk: a file is written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from backproof.reports.errors import ReportError

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text as UTF-8; the file holds either all of it or what it held before.

    The text goes to a temporary file in the same folder, which then takes the place of the file
    in one step. A symbolic link stays a link: the file that it points to is replaced. An existing
    file keeps its permissions. A device or a pipe is written to directly.

    Args:
        path: the file to write; its folder has to exist.
        text: what to write; line ends are written as they are.

    Raises:
        ReportError: the path is a folder, its folder is missing, or the system refuses; the
            message names the path and the reason.
    """
    try:
        data = text.encode("utf-8")
        if _is_stream(path):
            # Standard output, redirected to a file, may hold something already.
            with Path(path).open("ab") as stream:
                stream.write(data)
            return
        target = _target(path)
        _replace(target, data)
    except (OSError, ValueError) as error:
        raise ReportError(_refusal(path, error)) from error


def append_text(path: str | os.PathLike[str], text: str) -> None:
    """Add a text as UTF-8 to the end of a file, which is made where there is none.

    Args:
        path: the file; its folder has to exist.
        text: what to add; line ends are written as they are.

    Raises:
        ReportError: as :func:`write_text` would.
    """
    try:
        data = text.encode("utf-8")
        with Path(path).open("ab") as stream:
            stream.write(data)
    except (OSError, ValueError) as error:
        raise ReportError(_refusal(path, error)) from error


def ensure_writable(path: str | os.PathLike[str]) -> None:
    """Make sure, before a long run starts, that a report can be written; leave nothing behind.

    Args:
        path: the file that :func:`write_text` will be asked to write.

    Raises:
        ReportError: as :func:`write_text` would.
    """
    try:
        if _is_stream(path):
            return
        target = _target(path)
        trial, descriptor = _open_beside(target)
        os.close(descriptor)
        trial.unlink()
    except (OSError, ValueError) as error:
        raise ReportError(_refusal(path, error)) from error


def _is_stream(path: str | os.PathLike[str]) -> bool:
    """Tell whether the path is a device or a pipe: replacing /dev/null would destroy it."""
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return False
    if stat.S_ISDIR(mode):
        return False
    # /dev/stdout may be a regular file by redirection; others hold it open, so it stays in place.
    return not stat.S_ISREG(mode) or os.fspath(path).startswith(("/dev/", "/proc/"))


def _target(path: str | os.PathLike[str]) -> Path:
    """Return the real file that a path names; raise OSError when it can't be written."""
    if not os.fspath(path):
        raise ValueError("the path is empty")
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(None, "it's a folder")
    if not target.parent.exists():
        raise FileNotFoundError(None, f"there is no folder {str(target.parent)!r}")
    if not target.parent.is_dir():
        raise NotADirectoryError(None, f"{str(target.parent)!r} is not a folder")
    # Replacing a file needs no right to write it, but a file made read-only is meant to stay.
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(None, "the file is read-only")
    return target


def _open_beside(target: Path) -> tuple[Path, int]:
    """Open a new file next to the target, so that it can be moved over it in one step."""
    # A name of fixed length: the target's own name may already be as long as the system allows.
    path = target.with_name(f".backproof-{secrets.token_hex(8)}.tmp")
    # The system creates it with the permissions that any new file of the user gets.
    return path, os.open(path, _NEW_FILE, 0o666)


def _replace(target: Path, data: bytes) -> None:
    temporary, descriptor = _open_beside(target)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException:
        # An interrupt too must leave no temporary file behind.
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _refusal(path: str | os.PathLike[str], error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeEncodeError):
        reason = f"the text can't be encoded as UTF-8: {error.reason}"
    elif isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
    else:
        reason = str(error)
    return f"can't write {os.fspath(path)!r}: {reason}"
