"""The process in which a layer runs: it loads the layer, and runs it when it is asked to.

Its standard streams lead nowhere, so that what a layer prints is no message; its replies go
through a pipe of its own. What it says of a layer's results it finds out here, on the layer's own
objects, and only arrays of numbers leave it.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import mmap
import os
import resource
import signal
import sys
from dataclasses import replace
from typing import Any

from backproof.adapters.registry import adapt
from backproof.errors import NotInferredError, UsageError
from backproof.guarding import run_alone, watch_stages
from backproof.isolation import frames
from backproof.isolation.fingerprint import fingerprint
from backproof.isolation.messages import (
    Adapt,
    Another,
    Lines,
    Open,
    Opened,
    Perform,
    Performed,
    Reach,
    Reply,
    Request,
    Unusable,
    adapted,
    arrays_from,
    arrays_of,
    performed,
    raised,
    spec_from,
)
from backproof.loading import Loaded, load, with_text
from backproof.reaching import reached
from backproof.running import run_on
from backproof.spec.errors import SpecError
from backproof.subjects import Session, Subject, SubjectError

# The exit code of a child whose pipes are closed.
CLOSED = 113
STAGES = ("", "import", "construct", "forward", "backward")
_PR_SET_PDEATHSIG = 1
_getpid, _exit = os.getpid, os._exit


def main(requests: int, replies: int, stage: int, traces: int, memory: int) -> None:
    """Serve requests until the supervisor closes its end.

    Args:
        requests: the descriptor to read from.
        replies: the descriptor to write to.
        stage: of a file of two bytes, for the stage that the layer is in.
        traces: of a file into which the interpreter writes where it was when it had to stop.
        memory: the most that the process may have, in bytes; 0 for no limit.
    """
    _die_with_parent()
    # Another process may change a file twice in one second, which bytecode does not notice.
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    faulthandler.enable(traces, all_threads=False)
    faulthandler.register(signal.SIGUSR1, traces, all_threads=False)
    now = _Stage(stage)
    watch_stages(now.enter)
    run_alone()
    me, worker = _getpid(), _Worker(now)
    while True:
        try:
            request: Request = frames.read(requests, Request)
            now.enter("")
            reply = _answered(worker, request)
            if _getpid() != me:
                # A layer that forks comes back here twice.
                _exit(0)
            frames.write(replies, reply)
        except frames.Closed:
            _exit(CLOSED)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Stage:
    """What the layer is doing, where the supervisor can read it when the process is gone.

    One byte for the stage, and one that changes whenever one is entered.
    """

    def __init__(self, descriptor: int) -> None:
        self._page = mmap.mmap(descriptor, 2)

    def enter(self, name: str) -> None:
        self._page[0] = STAGES.index(name)
        self._page[1] = (self._page[1] + 1) % 256

    @property
    def name(self) -> str:
        return STAGES[self._page[0]]


class _Worker:
    """One subject, and its sessions."""

    def __init__(self, stage: _Stage) -> None:
        self.stage = stage
        self._subject: Subject | None = None
        self._sessions: list[Session] = []

    def answer(self, request: Request) -> Reply:
        if isinstance(request, Adapt):
            self.stage.enter("import")
            sys.path[:] = request.path
            loaded = _loaded(request)
            if loaded is None:
                return Another()
            self._sessions.clear()
            if request.source is not None:
                loaded = with_text(loaded, request.source)
            self._subject = _adapted(loaded, request)
            return adapted(self._subject)
        assert self._subject is not None
        if isinstance(request, Open):
            self._sessions.append(self._subject.open())
            return Opened(len(self._sessions) - 1)
        if isinstance(request, Reach):
            given = arrays_from(request.inputs)
            return Lines(reached(self._subject.open(), given, request.file))
        return _run(self._sessions[request.session], request)


def _answered(worker: _Worker, request: Request) -> Reply:
    try:
        return worker.answer(request)
    except NotInferredError as error:
        return Unusable(error.message, error.help, "inference")
    except UsageError as error:
        return Unusable(error.message, error.help, "usage")
    except SpecError as error:
        return Unusable(str(error), "", "spec")
    except BaseException as error:
        if not isinstance(request, Perform):
            return Unusable(f"{type(error).__name__}: {error}", "", "usage")
        # What no layer may do to its caller, such as raise KeyboardInterrupt.
        return Performed({}, {}, (), (), raised(SubjectError(error, worker.stage.name)))


def _loaded(request: Adapt) -> Loaded | None:
    """What the first address that can be imported names; None where it is not what is meant."""
    if not request.fingerprint:
        return load(request.addresses[0])
    for address in request.addresses:
        with contextlib.suppress(UsageError):
            found = load(address)
            if fingerprint(found.object) == request.fingerprint:
                return replace(found, label=request.label)
    return None


def _adapted(loaded: Loaded, request: Adapt) -> Subject:
    return adapt(
        loaded,
        spec=None if request.spec is None else spec_from(request.spec),
        layout=request.layout,
        activation=request.activation,
        scale=request.scale,
        mapping=request.mapping,
    )


def _run(session: Session, request: Perform) -> Performed:
    inputs: dict[str, Any] = dict(arrays_from(request.inputs))
    if request.watched:
        return performed(run_on(session, inputs, request.wanted))
    try:
        return Performed(arrays_of(session.run(inputs)), {}, (), (), None)
    except SubjectError as error:
        return Performed({}, {}, (), (), raised(error))
