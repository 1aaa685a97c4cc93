"""Which lines of a layer's file run, and in which pass."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from backproof.guarding import guarded, watch_stages
from backproof.subjects import Arrays, Session


@dataclass(frozen=True, slots=True)
class Reached:
    """One line that ran.

    Attributes:
        stage: of the layer: ``construct``, ``forward``, ``backward``; empty where it has none.
        name: of the function that the line is in, ``<lambda>`` for one without a name.
        first: the first line of that function, its decorators included.
        line: the line itself, counted from 1.
    """

    stage: str
    name: str
    first: int
    line: int


_stage: list[str] = [""]


def _enter(stage: str) -> None:
    _stage[0] = stage


watch_stages(_enter)


def reached(session: Session, given: Arrays, file: str) -> list[Reached]:
    """The lines of a file that run in a session, in the order in which they first did.

    Args:
        session: a fresh one.
        given: the inputs, by name.
        file: the layer's file.

    Raises:
        SubjectError: the layer raised.
    """
    found: dict[Reached, None] = {}
    wanted: dict[str, bool] = {}

    def on_call(frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        name = frame.f_code.co_filename
        if name not in wanted:
            wanted[name] = _same_file(name, file)
        return on_line if wanted[name] else None

    def on_line(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        if event == "line":
            code = frame.f_code
            at = Reached(_stage[0], code.co_name, code.co_firstlineno, frame.f_lineno)
            found.setdefault(at)
        return on_line

    _enter("")
    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        with guarded():
            session.run(given)
    finally:
        sys.settrace(before)
    return list(found)


def _same_file(one: str, other: str) -> bool:
    return one == other or os.path.realpath(one) == os.path.realpath(other)
