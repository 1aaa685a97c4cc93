"""What the supervisor and the child say to each other: plain data, decoded by type, no pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from backproof.arrays import is_number, number_type
from backproof.reaching import Reached
from backproof.running import Run
from backproof.spec.layer import Spec
from backproof.subjects import Reported, Subject, SubjectError

# Kept from before any layer ran: one that replaces NumPy's functions does not reach these.
_ascontiguousarray, _frombuffer = np.ascontiguousarray, np.frombuffer


class Array(msgspec.Struct, frozen=True):
    """An array of numbers, in C order and the machine's byte order."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


Arrays = dict[str, Array]


class Stated(msgspec.Struct, frozen=True):
    """What a ``Spec`` is made from."""

    text: str
    name: str
    layout: str
    functions: dict[str, str]
    scale: str
    source_name: str


class Adapt(msgspec.Struct, frozen=True, tag=True):
    """Load what an address names and find out how it is called.

    Attributes:
        addresses: the first that can be imported is taken.
        path: where modules are looked for, as ``sys.path``.
        label: what reports call it; empty for what its address says.
        fingerprint: of the layer that is meant; empty for whatever the address names.
        source: the text that its module has in place of its file's; None for that of the file.
    """

    addresses: tuple[str, ...]
    path: list[str]
    label: str
    fingerprint: str
    spec: Stated | None
    layout: str | None
    activation: str | None
    scale: str
    mapping: dict[str, str]
    source: str | None = None


class Open(msgspec.Struct, frozen=True, tag=True):
    """Make a fresh session."""


class Perform(msgspec.Struct, frozen=True, tag=True):
    """Run a session.

    Attributes:
        session: its number.
        inputs: by name in the spec.
        wanted: the results that are asked for.
        watched: whether results are converted, and changes of the inputs looked for.
    """

    session: int
    inputs: Arrays
    wanted: tuple[str, ...]
    watched: bool = True


class Reach(msgspec.Struct, frozen=True, tag=True):
    """Run a fresh session and say which lines of a file ran."""

    inputs: Arrays
    file: str


class Adapted(msgspec.Struct, frozen=True, tag=True):
    """What was found out: a ``Subject``, without what cannot leave its process."""

    label: str
    spec: Stated
    upstream: str
    provides: tuple[str, ...]
    names: dict[str, str]
    lines: dict[str, tuple[str, int, str]]
    facts: tuple[str, ...]
    file: str | None
    accumulate: str | None
    elementary: float
    assumes: tuple[str, ...]
    missing: dict[str, str]
    inferred: bool


class Opened(msgspec.Struct, frozen=True, tag=True):
    """The number of a fresh session."""

    session: int


class Raised(msgspec.Struct, frozen=True):
    """What a subject's own code raised."""

    name: str
    message: str
    stage: str
    file: str | None
    line: int | None
    text: str
    partial: Arrays


class Performed(msgspec.Struct, frozen=True, tag=True):
    """What a run gave."""

    results: Arrays
    unreadable: dict[str, str]
    mutated: tuple[str, ...]
    aliased: tuple[tuple[str, str], ...]
    error: Raised | None


class Lines(msgspec.Struct, frozen=True, tag=True):
    """The lines that ran."""

    reached: list[Reached]


class Unusable(msgspec.Struct, frozen=True, tag=True):
    """What a user gave cannot be used.

    Attributes:
        message: what is wrong.
        help: what to do about it.
        kind: the name of the error: ``usage``, ``spec`` or ``inference``.
    """

    message: str
    help: str
    kind: str


class Another(msgspec.Struct, frozen=True, tag=True):
    """What the address names here is not the layer that is meant, or cannot be imported here."""


Request = Adapt | Open | Perform | Reach
Reply = Adapted | Opened | Performed | Lines | Unusable | Another


def array_of(value: NDArray[Any]) -> Array:
    """An array as a message."""
    plain = _ascontiguousarray(value, dtype=value.dtype.newbyteorder("="))
    return Array(value.dtype.name, value.shape, plain.tobytes())


def array_from(message: Array) -> NDArray[Any]:
    """The array of a message; it may be written to.

    Raises:
        TypeError: its dtype is none of numbers.
    """
    dtype = number_type(message.dtype)
    return _frombuffer(bytearray(message.data), dtype=dtype).reshape(message.shape)


def arrays_of(values: Mapping[str, Any]) -> Arrays:
    """Those of some values that are arrays of numbers."""
    return {
        name: array_of(value)
        for name, value in values.items()
        if type(value) is np.ndarray and is_number(value.dtype)
    }


def arrays_from(messages: Arrays) -> dict[str, NDArray[Any]]:
    """The arrays of a message, by name."""
    return {name: array_from(message) for name, message in messages.items()}


def stated(spec: Spec) -> Stated:
    """A spec as a message."""
    return Stated(
        spec.text,
        spec.name,
        spec.layout,
        dict(spec.functions),
        spec.scale,
        spec.program.source.name,
    )


def spec_from(message: Stated) -> Spec:
    """The spec of a message."""
    return Spec(
        message.text,
        name=message.name,
        layout=message.layout,
        functions=message.functions,
        scale=message.scale,
        source_name=message.source_name,
    )


def adapted(subject: Subject) -> Adapted:
    """A subject as a message."""
    return Adapted(
        label=subject.label,
        spec=stated(subject.spec),
        upstream=subject.upstream,
        provides=subject.provides,
        names=dict(subject.names),
        lines=dict(subject.lines),
        facts=subject.facts,
        file=subject.file,
        accumulate=subject.accumulate,
        elementary=subject.elementary,
        assumes=subject.assumes,
        missing=dict(subject.missing),
        inferred=subject.inferred,
    )


def performed(run: Run) -> Performed:
    """A run as a message."""
    return Performed(
        results=arrays_of(run.results),
        unreadable=dict(run.unreadable),
        mutated=run.mutated,
        aliased=run.aliased,
        error=None if run.error is None else raised(run.error),
    )


def raised(error: SubjectError) -> Raised:
    """What a subject raised, as a message."""
    return Raised(
        name=error.name,
        message=error.message,
        stage=error.stage,
        file=error.file,
        line=error.line,
        text=error.text,
        partial=arrays_of(error.partial),
    )


def run_from(message: Performed) -> Run:
    """The run of a message."""
    return Run(
        results=arrays_from(message.results),
        unreadable=message.unreadable,
        error=None if message.error is None else error_from(message.error),
        mutated=message.mutated,
        aliased=message.aliased,
    )


def error_from(message: Raised) -> SubjectError:
    """What a subject raised, of a message."""
    return SubjectError(
        Reported(message.name, message.message),
        message.stage,
        message.file,
        message.line,
        message.text,
        arrays_from(message.partial),
    )
