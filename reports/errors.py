"""The one exception of this package."""

from __future__ import annotations


class ReportError(Exception):
    """A report can't be read, rendered or written; the message says which and why."""
