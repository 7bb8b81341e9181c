"""How often and how much at once one principal may ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from gateway.errors import Exhausted

_FORGET_AFTER: Final = 10_000
"""Principals remembered; beyond it all begin with a full bucket again."""


class Admission:
    """A token bucket and a count of running queries for each principal of this process."""

    def __init__(self, *, per_minute: int, concurrent: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._concurrent = concurrent
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}
        self._kept = 0
        """Buckets left by the last forgetting: it is not repeated before there are twice as many."""
        self._running: dict[str, int] = {}

    def request(self, principal: str) -> None:
        """Count one request.

        Raises:
            Exhausted: `exhausted.rate`; says when to come again.
        """
        now = self._monotonic()
        with self._lock:
            level, since = self._buckets.get(principal, (float(self._per_minute), now))
            level = min(self._per_minute, level + (now - since) * self._per_minute / 60)
            if level < 1:
                wait = (1 - level) * 60 / self._per_minute
                raise Exhausted(
                    f"more than {self._per_minute} requests a minute", code="rate", fix=f"try again in {wait:.1f} s"
                )
            self._buckets[principal] = (level - 1, now)
            if len(self._buckets) > max(_FORGET_AFTER, 2 * self._kept):
                self._forget(now)

    def _forget(self, now: float) -> None:
        """Drop full buckets: who comes back gets a full one anyway. Others stay, or a crowd would lift the limits."""
        whole = {
            principal
            for principal, (level, since) in self._buckets.items()
            if level + (now - since) * self._per_minute / 60 >= self._per_minute
        }
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if name not in whole}
        self._kept = len(self._buckets)

    def take(self, principal: str, *, concurrent: int | None = None) -> None:
        """Take one of the principal's places for a running query; MUST be given back once.

        Args:
            concurrent: so many places, where they are not as many as everybody's.

        Raises:
            Exhausted: `exhausted.concurrency`.
        """
        with self._lock:
            count = self._running.get(principal, 0)
            if count >= (self._concurrent if concurrent is None else concurrent):
                raise Exhausted(
                    f"{count} queries of yours are running",
                    code="concurrency",
                    fix="wait for one to end, or cancel one",
                )
            self._running[principal] = count + 1

    def give(self, principal: str) -> None:
        """Give a place back."""
        with self._lock:
            count = self._running[principal] - 1
            if count:
                self._running[principal] = count
            else:
                del self._running[principal]
