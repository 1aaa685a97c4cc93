"""What surrounds every call of a user's code, so that it leaves nothing behind."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import numpy as np


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
