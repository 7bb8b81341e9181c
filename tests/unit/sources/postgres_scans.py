"""What the tests of a PostgreSQL say for short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.terms.dataset import Column
from gateway.terms.plan import Scan
from tests import scans

Run = Callable[..., list[tuple[object, ...]]]
"""Runs statements and returns the last one's rows."""


def scan(*columns: Column, **more: Any) -> Scan:
    """Of the first column; the others are auxiliary."""
    return scans.scan(*columns[:1], aux=columns[1:], **more)
