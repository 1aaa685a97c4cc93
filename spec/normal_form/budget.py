"""How much work a normal form may take, and in which manner it is being worked out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from backproof.spec.deadline import check_time

MAX_TERMS = 20_000


MAX_PRODUCTS = 60_000


class TooLargeError(Exception):
    """A normal form would take more work than the budget allows."""


class _Budget(threading.local):
    """What is left to the normal form that is being worked out.

    Attributes:
        left: products of two terms.
        busy: whether one is being worked out.
        in_steps: whether nothing that jumps but steps may be left in it.
    """

    left = MAX_PRODUCTS
    busy = False
    in_steps = False


_BUDGET = _Budget()


@contextmanager
def budgeted(in_steps: bool | None = None) -> Iterator[None]:
    """One budget for all that runs inside; what is too deep for the stack is too large as well."""
    outermost, _BUDGET.busy = not _BUDGET.busy, True
    before = _BUDGET.in_steps
    if outermost and in_steps is not None:
        _BUDGET.in_steps = in_steps
    if outermost:
        _BUDGET.left = MAX_PRODUCTS
    try:
        yield
    except RecursionError:
        raise TooLargeError("it is nested too deeply") from None
    finally:
        _BUDGET.busy = not outermost
        _BUDGET.in_steps = before


def in_steps() -> bool:
    """Whether the normal form being worked out leaves nothing that jumps but steps."""
    return _BUDGET.in_steps


def spend(products: int) -> None:
    """Take products of two terms off what is left.

    Raises:
        TooLargeError: there are not so many left.
        OutOfTimeError: the time is over.
    """
    check_time()
    if products > MAX_TERMS or (_BUDGET.busy and products > _BUDGET.left):
        raise TooLargeError("more products of terms than a normal form may take")
    _BUDGET.left -= products
