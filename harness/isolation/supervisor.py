"""The parent's side: starts a child, asks it with a deadline, and says how it died.

One process a layer, kept over its cases; a new one after each death. A child has a session and a
process group of its own, so that whatever it started can be found and ended with it.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backproof.isolation import frames
from backproof.isolation.child import CLOSED, STAGES
from backproof.isolation.messages import Reply, Request

# What is put into the child's environment, and so into that of all it starts.
TOKEN = "BACKPROOF_CHILD"
# What is taken where the user's environment does not say: JAX is there already.
_DEFAULTS = {"KERAS_BACKEND": "jax"}
_START = (
    "import sys; sys.path[:] = sys.argv[6:]; from backproof.isolation.child import main; "
    "main(*map(int, sys.argv[1:6]))"
)
# What a dying interpreter wrote of its innermost calls: File "layers.py", line 7 in backward
_FRAME = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+) in ', re.MULTILINE)
# For the child to write where it hangs, after it was asked for it.
_LAST_WORDS = 0.2
_LONGEST_TRACE = 2**16
_SECONDS_TO_START = 60.0
_CLOSED_PIPES = "closed the pipes to backproof"
_SIGNALS: Mapping[int, str] = {
    signal.SIGSEGV: "a segmentation fault",
    signal.SIGABRT: "an abort",
    signal.SIGKILL: "a kill signal (as from a system that is out of memory)",
    signal.SIGFPE: "an arithmetic fault",
    signal.SIGBUS: "a bus error",
    signal.SIGILL: "an illegal instruction",
}


@dataclass(frozen=True)
class Limits:
    """What a layer may take.

    Attributes:
        seconds: for one call of its code: its import, constructor, forward or backward pass.
        memory: of its process, in bytes; 0 for no limit.
    """

    seconds: float = 20.0
    memory: int = 8 * 2**30


class Died(Exception):
    """A child ended, or had to be ended, before it answered.

    Attributes:
        late: whether it was ended because it took too long.
        stage: what the layer was doing: ``import``, ``construct``, ``forward``, ``backward``, or
            empty where that is not known.
        frames: the files and lines that it was in, innermost first, as far as they are known.
    """

    def __init__(
        self, what: str, *, late: bool, stage: str, frames: tuple[tuple[str, int], ...]
    ) -> None:
        super().__init__(what)
        self.late = late
        self.stage = stage
        self.frames = frames


class Child:
    """One process that runs a layer.

    Args:
        limits: what it may take.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._token = f"{os.getpid()}-{id(self)}-{time.monotonic_ns()}"
        self._folder = tempfile.mkdtemp(prefix="backproof-")
        self._stage = _unnamed_file(self._folder)
        os.write(self._stage, bytes(2))
        self._traces = _unnamed_file(self._folder)
        theirs_in, self._requests = os.pipe()
        self._replies, theirs_out = os.pipe()
        os.set_blocking(self._requests, False)
        given = (theirs_in, theirs_out, self._stage, self._traces)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, *map(str, (*given, limits.memory)), *sys.path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=given,
                start_new_session=True,
                env={**_DEFAULTS, **os.environ, TOKEN: self._token, "TMPDIR": self._folder},
            )
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._ended = os.pidfd_open(self._process.pid) if hasattr(os, "pidfd_open") else None
        every = (self._requests, self._replies, self._stage, self._traces, self._ended)
        self._open = [descriptor for descriptor in every if descriptor is not None]

    def ask(self, request: Request) -> Reply:
        """Send a request and wait for its reply.

        Raises:
            Died: the child ended, sent what is no reply, or took longer than allowed; it is closed.
        """
        seconds = self._limits.seconds
        # Until it enters a stage, a new process is busy with backproof's own modules.
        first = max(seconds, _SECONDS_TO_START) if self._entered() == 0 else None
        patience = frames.Patience(seconds, self._entered, first)
        try:
            frames.write(self._requests, request, patience)
            also = () if self._ended is None else (self._ended,)
            reply: Reply = frames.read(self._replies, Reply, patience, also)
        except frames.Late:
            raise self._died(f"took longer than {seconds:g} s", late=True) from None
        except frames.Garbled:
            what = "wrote into the pipe of backproof's replies"
            raise self._died(what, known=False) from None
        except frames.Closed:
            what = self._ending()
            raise self._died(what, known=what != _CLOSED_PIPES) from None
        return reply

    def _entered(self) -> int:
        """A number that changes when the layer enters a stage."""
        return os.pread(self._stage, 2, 0)[1]

    def _ending(self) -> str:
        """How the process ended."""
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            code = CLOSED
        if code == CLOSED:
            return _CLOSED_PIPES
        if code >= 0:
            return f"ended its process with exit code {code}"
        return f"ended its process by {_SIGNALS.get(-code) or signal.Signals(-code).name}"

    def _died(self, what: str, *, late: bool = False, known: bool = True) -> Died:
        if late:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGUSR1)
            if self._ended is not None:
                select.select([self._ended], [], [], _LAST_WORDS)
        # Pipes that were closed or written into are noticed later than it was done.
        stage = STAGES[os.pread(self._stage, 1, 0)[0]] if known else ""
        text = os.pread(self._traces, _LONGEST_TRACE, 0).decode("utf-8", "replace")
        places = tuple((m["file"], int(m["line"])) for m in _FRAME.finditer(text))
        self.close()
        return Died(what, late=late, stage=stage, frames=places)

    def close(self) -> None:
        """End the process and all that it started, and remove what it left."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        while self._open:
            os.close(self._open.pop())
        for pid in _marked(self._token):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self._folder, ignore_errors=True)


def _unnamed_file(folder: str) -> int:
    """The descriptor of a file that is gone when nobody has it open any more."""
    descriptor, path = tempfile.mkstemp(dir=folder)
    Path(path).unlink()
    return descriptor


def _marked(token: str) -> list[int]:
    """The processes that inherited a token: those that left the child's group as well."""
    wanted = f"{TOKEN}={token}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found
