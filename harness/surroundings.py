"""What a process's code shares, and a layer that runs in it might change: kept and put back."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def kept_surroundings() -> Iterator[None]:
    """Put back, bit for bit, what is changed inside.

    NumPy's handling of errors, its print options and random state; Python's random state, current
    folder, environment, filters of warnings, limit of recursion, trace function and handlers of
    signals (those only in the main thread, where alone they can be set).
    """
    errors, printing = np.geterr(), np.get_printoptions()
    numpy_random, python_random = np.random.get_state(), random.getstate()  # noqa: NPY002
    folder, environment = os.getcwd(), dict(os.environ)  # noqa: PTH109 - the path as it was given
    limit, tracer = sys.getrecursionlimit(), sys.gettrace()
    handlers = _handlers()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        np.seterr(**errors)
        np.set_printoptions(**printing)
        np.random.set_state(numpy_random)  # noqa: NPY002
        random.setstate(python_random)
        os.chdir(folder)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        if sys.getrecursionlimit() != limit:
            sys.setrecursionlimit(limit)
        if sys.gettrace() is not tracer:
            sys.settrace(tracer)
        for number, handler in handlers.items():
            if signal.getsignal(number) is not handler:
                with contextlib.suppress(OSError, ValueError, TypeError):
                    signal.signal(number, handler)


def _handlers() -> dict[signal.Signals, signal._HANDLER]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {
        number: signal.getsignal(number)
        for number in signal.valid_signals()
        if isinstance(number, signal.Signals)
    }
