"""Adapters: from what a user names to a subject, without configuration."""

from __future__ import annotations

from backproof.adapters.bundled import bundled_subjects as bundled_subjects
from backproof.adapters.registry import PROTOCOLS as PROTOCOLS
from backproof.adapters.registry import adapt as adapt
