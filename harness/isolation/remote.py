"""A subject whose layer runs in a child: to its callers it is a subject like any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from backproof.errors import NotInferredError, UsageError
from backproof.isolation.messages import (
    Adapt,
    Adapted,
    Another,
    Arrays,
    Lines,
    Open,
    Opened,
    Perform,
    Performed,
    Reach,
    Unusable,
    array_of,
    arrays_from,
    error_from,
    run_from,
    spec_from,
)
from backproof.isolation.supervisor import Child, Died, Limits
from backproof.reaching import Reached
from backproof.running import Run
from backproof.spec.errors import SpecError
from backproof.subjects import Fault, Reported, Subject, SubjectError

# A layer that ends its process this often is not run again, and one that hangs but once more.
MOST_DEATHS, MOST_WAITS = 3, 2


class BrokenError(Exception):
    """A layer ended its process, or hung, before it was known how it is called.

    Attributes:
        error: what it did.
    """

    def __init__(self, error: SubjectError) -> None:
        super().__init__(str(error))
        self.error = error


class ElsewhereError(Exception):
    """A new process would not find the layer that is meant."""


def _unusable(reply: Unusable) -> Exception:
    if reply.kind == "spec":
        return SpecError(reply.message)
    error = (
        NotInferredError(reply.message) if reply.kind == "inference" else UsageError(reply.message)
    )
    error.help = reply.help
    return error


class Remote:
    """A layer in a process of its own, which is started again after each death.

    Args:
        request: how to load it.
        limits: what it may take.
    """

    def __init__(self, request: Adapt, limits: Limits) -> None:
        self._request = request
        self._limits = limits
        self._child: Child | None = None
        self._generation = 0
        self._deaths = 0
        self._waits = 0
        self._last: SubjectError | None = None

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End its process; a later run starts another one."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def subject(self) -> Subject:
        """Load the layer and find out how it is called.

        Raises:
            UsageError: it cannot be loaded, or is no layer.
            ElsewhereError: a new process does not find it.
            NotInferredError: what it computes could not be found out.
            BrokenError: it ended its process, or hung.
        """
        self.close()
        return self._known()

    def with_source(self, text: str) -> Subject:
        """Load the layer with another text of its module, in the same process if that lives.

        Raises:
            UsageError, NotInferredError, BrokenError: as ``subject``.
        """
        self._request = msgspec.structs.replace(self._request, source=text)
        self._deaths = self._waits = 0
        self._last = None
        return self._known()

    def reached(self, inputs: Mapping[str, NDArray[Any]], file: str) -> list[Reached]:
        """The lines of a file that run at one case; see ``backproof.reaching``.

        Raises:
            SubjectError: the layer ended its process, hung, or raised.
        """
        try:
            reply = self._living().ask(Reach(_sent(inputs), file))
        except Died as died:
            raise self._buried(died) from None
        if isinstance(reply, Lines):
            return reply.reached
        raise SubjectError(Reported("", "it raised when its lines were watched"), "")

    def _known(self) -> Subject:
        try:
            found = self._adapted()
        except Died as died:
            raise BrokenError(self._buried(died)) from None
        return Subject(
            label=found.label,
            spec=spec_from(found.spec),
            upstream=found.upstream,
            provides=found.provides,
            open=self.open,
            names=found.names,
            lines=found.lines,
            facts=found.facts,
            file=found.file,
            accumulate=found.accumulate,
            elementary=found.elementary,
            assumes=found.assumes,
            missing=found.missing,
            inferred=found.inferred,
        )

    def _adapted(self) -> Adapted:
        if self._child is None:
            self._child = Child(self._limits)
        self._generation += 1
        reply = self._child.ask(self._request)
        if isinstance(reply, Unusable | Another) and self._request.source is None:
            self.close()
        if isinstance(reply, Another):
            raise ElsewhereError
        if isinstance(reply, Unusable):
            raise _unusable(reply)
        assert isinstance(reply, Adapted)
        return reply

    def _living(self) -> Child:
        """The process, started and told of the layer where there is none."""
        if self._child is None:
            self._adapted()
        assert self._child is not None
        return self._child

    def open(self) -> RemoteSession:
        """A fresh session."""
        return RemoteSession(self)

    def perform(self, place: _Place, request: Perform) -> Performed:
        """Run a session, in a new process where the one it was opened in is gone.

        Raises:
            SubjectError: the layer ended its process or hung, now or too often before.
        """
        if self._last is not None and (self._deaths >= MOST_DEATHS or self._waits >= MOST_WAITS):
            raise self._last
        try:
            child = self._living()
            if place.generation != self._generation:
                reply = child.ask(Open())
                assert isinstance(reply, Opened)
                place.generation, place.number = self._generation, reply.session
            reply = child.ask(msgspec.structs.replace(request, session=place.number))
        except Died as died:
            raise self._buried(died) from None
        assert isinstance(reply, Performed)
        return reply

    def _buried(self, died: Died) -> SubjectError:
        self._child = None
        self._deaths += 1
        self._waits += died.late
        own = {Path(a.rpartition(":")[0]).name for a in self._request.addresses}
        place = next((p for p in died.frames if Path(p[0]).name in own), None)
        file, line = place or (None, None)
        self._last = SubjectError(
            Reported("", str(died)),
            died.stage,
            file,
            line,
            _line(file, line),
            fault=Fault.TIMEOUT if died.late else Fault.ENDED,
        )
        return self._last


def _sent(inputs: Mapping[str, NDArray[Any]]) -> Arrays:
    """All inputs of a run as messages."""
    return {name: array_of(np.asarray(array)) for name, array in inputs.items()}


def _line(file: str | None, line: int | None) -> str:
    if file is None or line is None:
        return ""
    try:
        lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


@dataclass
class _Place:
    """Where a session is: its number, in the process of a generation."""

    generation: int = 0
    number: int = 0


class RemoteSession:
    """One instance of a layer in a child.

    Args:
        remote: whose layer it is.
    """

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._place = _Place()

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """Compute everything the layer shows; see ``backproof.subjects.Session``."""
        done = self._perform(inputs, (), watched=False)
        if done.error is not None:
            raise error_from(done.error)
        return dict(arrays_from(done.results))

    def observe(self, inputs: Mapping[str, NDArray[Any]], wanted: tuple[str, ...]) -> Run:
        """One run, with what it did to its inputs; see ``backproof.running.run``."""
        try:
            return run_from(self._perform(inputs, wanted, watched=True))
        except SubjectError as error:
            return Run({}, error=error)

    def _perform(
        self, inputs: Mapping[str, NDArray[Any]], wanted: tuple[str, ...], *, watched: bool
    ) -> Performed:
        return self._remote.perform(self._place, Perform(0, _sent(inputs), wanted, watched))
