"""What surrounds every call of a user's code, so that it leaves nothing behind."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

import numpy as np

# Whether this process is a layer's own, where no user can be who interrupts.
_alone: list[bool] = [False]
_watchers: list[Callable[[str], None]] = []


def run_alone() -> None:
    """Take every exception in this process for a layer's, KeyboardInterrupt too."""
    _alone[0] = True


def is_interrupt(error: BaseException) -> bool:
    """Whether an exception is the user's wish to stop, and no layer's doing."""
    return isinstance(error, KeyboardInterrupt) and not _alone[0]


def watch_stages(watcher: Callable[[str], None]) -> None:
    """Have something told of each stage that a layer enters, from now on."""
    _watchers.append(watcher)


def entering(stage: str) -> None:
    """Tell that a layer's own code is entered: ``construct``, ``forward`` or ``backward``."""
    for watcher in _watchers:
        watcher(stage)


_NUMPY = dict(vars(np))


def restore_numpy() -> None:
    """Put functions of NumPy back that a layer replaced; what it added may stay."""
    found = vars(np)
    for name, value in _NUMPY.items():
        if found.get(name) is not value:
            setattr(np, name, value)


@contextmanager
def guarded() -> Iterator[None]:
    """Run a user's code: what it prints is dropped, warnings and NumPy's settings are put back.

    What a layer prints must not be taken for a result (standard output may be JSON), its own
    warnings are its author's business, and ``np.seterr`` in it must not reach our arithmetic.
    """
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,  # noqa: PTH123 - a device
        redirect_stdout(nowhere),
        np.errstate(all="ignore"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield
