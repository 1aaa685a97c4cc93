"""Libraries that flush small results to zero, and inputs at which they cannot be judged by rule.

The rule of judgement goes by gradual underflow. XLA on the CPU has none, nor have the processors'
products of bfloat16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.oracles.formats import FLOAT32, FORMATS
from backproof.subjects import Arrays, Session, Subject


def above_flushing(subject: Subject, library: str, formats: Sequence[str]) -> Subject:
    """A subject that shows nothing where the products of its inputs may be flushed.

    Args:
        subject: of the library.
        library: its name, and where it flushes.
        formats: of the inputs, those in which it does.
    """
    opened = subject.open
    fact = (
        f"{library} flushes what is below the smallest normal number to zero: inputs whose "
        "products come near to that are not judged"
    )
    return replace(
        subject,
        open=lambda: _AboveFlushing(opened(), tuple(formats)),
        facts=(*subject.facts, fact),
    )


class _AboveFlushing:
    """Runs a session, but for inputs of which it would show nothing.

    Args:
        session: to run.
        formats: in which small results are flushed.
    """

    def __init__(self, session: Session, formats: tuple[str, ...]) -> None:
        self._session = session
        self._formats = formats

    def run(self, inputs: Arrays) -> dict[str, Any]:
        """Compute everything, or nothing; see ``backproof.subjects.Session``."""
        return {} if may_flush(inputs, self._formats) else self._session.run(inputs)


def may_flush(inputs: Arrays, formats: Sequence[str]) -> bool:
    """Whether sums of products of two entries may be flushed to zero.

    Where each product is above tiny/u, all are multiples of tiny, and so are their sums: none is
    between zero and tiny. Two bits more are room for rounding.

    Args:
        inputs: arrays by name.
        formats: in which small results are flushed; products in bfloat16 are summed in float32.
    """
    for array in inputs.values():
        name = array.dtype.name
        if name not in formats:
            continue
        least = np.abs(array[array != 0].astype(np.float64)).min(initial=np.inf)
        unit = min(FORMATS[name].u, FLOAT32.u)
        if float(least) ** 2 < 4 * FORMATS[name].tiny / unit:
            return True
    return False
