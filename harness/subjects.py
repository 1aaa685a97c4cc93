"""A subject: something that computes a layer's outputs and gradients, called by tensor names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

from backproof.spec.layer import Spec

Arrays = Mapping[str, np.ndarray[Any, Any]]


class Session(Protocol):
    """One instance of a subject, which may be run several times with any batch size."""

    def run(self, inputs: Arrays) -> dict[str, Any]:
        """Compute everything the subject shows.

        Args:
            inputs: the spec's inputs and the upstream gradient, by their names in the spec, in
                the spec's shapes. The arrays are the session's own to pass on, not to copy.

        Returns:
            what the subject returned or stored, by name in the spec, as it is: nothing converted,
            except that a bias and its gradient have the spec's shape if they have its entries.

        Raises:
            SubjectError: the subject's own code raised; what was computed before is kept.
        """


# Characters of what a layer says when it raises.
_LONGEST_MESSAGE = 4000


class Reported(Exception):
    """An exception of another process, by its name and message."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Fault(StrEnum):
    """What a subject did to its process that is worse than raising."""

    ENDED = "ended"
    TIMEOUT = "timeout"


class SubjectError(Exception):
    """A subject's own code raised, ended its process, or did not come to an end.

    Attributes:
        error: the exception.
        name: of the exception's type; empty where there was none.
        message: what it says, or what happened.
        fault: None where it only raised.
        stage: ``import``, ``construct``, ``forward`` or ``backward``.
        file: of the subject's innermost own line, with ``line`` and ``text``.
        partial: what was computed before, by name in the spec.
    """

    def __init__(
        self,
        error: BaseException,
        stage: str,
        file: str | None = None,
        line: int | None = None,
        text: str = "",
        partial: Mapping[str, Any] | None = None,
        fault: Fault | None = None,
    ) -> None:
        self.error = error
        self.name = error.name if isinstance(error, Reported) else type(error).__name__
        self.message = _said(error)
        super().__init__(f"{self.name or 'fault'} in {stage}: {self.message}")
        self.fault = fault
        self.stage = stage
        self.file = file
        self.line = line
        self.text = text
        self.partial = dict(partial or {})


def readable(error: BaseException) -> BaseException:
    """An exception whose message can be had: itself, or one that says what it is."""
    try:
        str(error)
    except Exception:
        return Reported(type(error).__name__, "its message cannot be read, since it raises itself")
    return error


def _said(error: BaseException) -> str:
    """The message of an exception; those of a layer's own types may raise again."""
    try:
        return str(error)[:_LONGEST_MESSAGE]
    except Exception:
        return "a message that cannot be read"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A layer under test.

    Attributes:
        label: what reports call it, such as ``layers.py:Dense``.
        spec: what it should compute.
        upstream: the tensor whose gradient it is given: the output's, or an intermediate's.
        provides: the tensors and gradients that it shows, such as ``("Z", "dW", "db", "dX")``.
        open: makes a fresh session.
        names: how its own code calls each tensor, such as ``{"X": "self.a", "dW": "self.dw"}``.
        lines: where its own code computes each quantity: file, line, and the statement's text.
        facts: sentences on what was inferred and what was taken for what.
        file: its source file, if there is one.
        accumulate: the format that it declares to accumulate in, if not that of its inputs.
        elementary: how many times the usual bounds its library's elementary functions may err.
        assumes: what the caller has to do for its results to be right, as sentences.
        missing: for each gradient that it should give and does not, why.
        inferred: whether the spec is the nearest that was found, and nobody's statement.
    """

    label: str
    spec: Spec
    upstream: str
    provides: tuple[str, ...]
    open: Callable[[], Session]
    names: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, tuple[str, int, str]] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    file: str | None = None
    accumulate: str | None = None
    elementary: float = 1.0
    assumes: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    inferred: bool = False


@dataclass(frozen=True)
class _Mark:
    spec: Spec
    accumulate: str | None


MARK = "__backproof_subject__"


def subject(
    function: Callable[..., Any] | None = None,
    *,
    spec: Spec | str,
    accumulate: str | None = None,
) -> Any:
    """Mark a function of named arrays as a subject.

    The function takes the spec's inputs and the upstream gradients (``dA``) as keyword arguments
    and returns a dict of arrays by name (``Z``, ``A``, ``dZ``, ``dW``, ``db``, ``dX``; any part
    of them).

    Args:
        function: the function, when used without brackets.
        spec: what it should compute: a ``Spec`` or equations.
        accumulate: the format it accumulates in, such as ``"float32"``, if narrower than its
            inputs.
    """
    stated = spec if isinstance(spec, Spec) else Spec(spec)

    def mark(f: Callable[..., Any]) -> Callable[..., Any]:
        setattr(f, MARK, _Mark(stated, accumulate))
        return f

    return mark if function is None else mark(function)
