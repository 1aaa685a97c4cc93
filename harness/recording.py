"""Failures kept in a folder, so that they can be run again: the layer, and the smallest case."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from backproof.cases import Case
from backproof.errors import UsageError
from backproof.isolation.messages import Adapt, Array, array_of, arrays_from
from backproof.reports.finding import Finding
from backproof.spec.errors import near

FOLDER = Path(".backproof")
_FAILURES = "failures"


class RecordedCase(msgspec.Struct, frozen=True):
    """A case, bit for bit."""

    sizes: dict[str, int]
    format: str
    inputs: dict[str, Array]
    kind: str


class Failure(msgspec.Struct, frozen=True):
    """One thing that was wrong.

    Attributes:
        finding: what was said of it.
        subject: what reports call the layer.
        request: how the layer is loaded.
        accumulate: the format that it was declared to compute in.
        elementary: how many times the usual bounds its elementary functions may err.
        infer: whether what it means by its results was found out from them.
        case: at which it failed; None where it could not even be tried out.
    """

    finding: Finding
    subject: str
    request: Adapt
    accumulate: str | None
    infer: bool
    case: RecordedCase | None
    elementary: float = 1.0

    @property
    def id(self) -> str:
        """That of its finding."""
        return self.finding.id

    @property
    def short(self) -> str:
        """The eight letters by which it can be named, too."""
        return hashlib.sha256(self.id.encode()).hexdigest()[:8]


def recorded_case(case: Case) -> RecordedCase:
    """A case as it is kept."""
    inputs = {name: array_of(array) for name, array in case.inputs.items()}
    return RecordedCase(dict(case.sizes), case.format, inputs, case.kind)


def case_from(kept: RecordedCase) -> Case:
    """A case that was kept."""
    return Case(kept.sizes, kept.format, arrays_from(kept.inputs), kept.kind)


def keep(folder: Path, failures: Mapping[str, Iterable[Failure]]) -> None:
    """Write the failures of each subject in place of those of its last run.

    Args:
        folder: made if it is missing, with a file that has git ignore it.
        failures: by what reports call the subject; none for one that holds now.

    Raises:
        UsageError: the folder cannot be written to.
    """
    if not any(failures.values()) and not folder.is_dir():
        return
    try:
        place = folder / _FAILURES
        place.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        for path in _paths(folder):
            # Another process, which verifies another layer, may remove what is its own.
            with contextlib.suppress(FileNotFoundError):
                old = _read(path)
                if old is None or old.subject in failures:
                    path.unlink()
        for failure in (f for every in failures.values() for f in every):
            text = msgspec.json.format(msgspec.json.encode(failure), indent=1)
            whole = place / f"{failure.short}.{os.getpid()}.part"
            whole.write_bytes(text)
            whole.replace(place / f"{failure.short}.json")
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}") from None


def kept(folder: Path, name: str | None) -> list[Failure]:
    """The failures of a name: an id, its short form, or a part of one that no other has.

    Args:
        folder: where they are kept.
        name: None for all.

    Raises:
        UsageError: there is none.
    """
    found = []
    for path in _paths(folder):
        failure = _read(path)
        if failure is None:
            raise UsageError(f"{path} is no record of this version", "remove it, and verify again")
        found.append(failure)
    if not found:
        raise UsageError(
            f"no failure is recorded in {folder}", "'backproof verify' records what it refutes"
        )
    if name is None:
        return found
    exactly = [f for f in found if name in (f.id, f.short)]
    if fitting := exactly or [f for f in found if name in f.id]:
        return fitting
    ids = [f.id for f in found]
    listed = near(name, ids) or ids[:12]
    raise UsageError(f"no failure is recorded as '{name}'", f"recorded are {', '.join(listed)}")


def recorded(folder: Path) -> bool:
    """Whether any failure is kept."""
    return bool(_paths(folder))


def _paths(folder: Path) -> list[Path]:
    return sorted((folder / _FAILURES).glob("*.json"))


def _read(path: Path) -> Failure | None:
    """The failure in a file; None for one that is damaged, or that another version wrote."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Failure)
    except msgspec.MsgspecError:
        return None
