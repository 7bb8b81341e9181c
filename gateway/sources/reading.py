"""One open read: lazy, bounded in time, and ended from any thread."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Final, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import Exhausted, GatewayError, Unavailable
from gateway.terms.streams import RawStream

Batches = Generator[pa.RecordBatch, None, None]

_PATIENCE_SECONDS: Final = 0.2
"""A step that was interrupted ends sooner."""


class Reading(Iterator[pa.RecordBatch]):
    """Batches that some producer makes, with a deadline and a close that other threads may call.

    The producer calls `check` between its steps; its `finally` releases connection and statement. After close or
    the deadline, `next` raises: a read that was cut never looks like one that ended.
    """

    def __init__(
        self,
        produce: Callable[[Reading], Batches],
        *,
        source: str,
        deadline: float,
        interrupt: Callable[[], None] | None = None,
    ) -> None:
        """`interrupt`, called from any thread, MUST make a step that waits for the source return soon."""
        self._source = source
        self._deadline = deadline
        self._interrupt = interrupt
        self._closed = threading.Event()
        self._stepping = threading.Lock()
        self._batches = produce(self)

    def __next__(self) -> pa.RecordBatch:
        with self._stepping:
            try:
                self.check()
            except GatewayError:
                self._batches.close()
                raise
            try:
                return next(self._batches)
            except GatewayError:
                self.check()  # what ended the step from outside is the reason, not what broke by it
                raise

    def check(self) -> None:
        """Say whether to go on.

        Raises:
            Unavailable: closed.
            Exhausted: past the deadline.
        """
        if self._closed.is_set():
            self._refuse_closed()
        if time.monotonic() >= self._deadline:
            raise Exhausted(
                f"source {self._source}: reading took longer than allowed",
                code="time",
                fix="ask for fewer rows, or run an extract",
            )

    def _refuse_closed(self) -> NoReturn:
        raise Unavailable(f"source {self._source}: reading was ended before its end", code="closed")

    def close(self) -> None:
        """End the reading and release what it holds; waits for the producer's current step (well under a second)."""
        self._closed.set()
        self._release()

    def expire(self) -> None:
        """For a timer at the deadline: release what a reading holds whose reader stalls (T15). `next` is Exhausted."""
        self._release()

    def _release(self) -> None:
        if self._interrupt is not None:
            self._interrupt()
            while not self._stepping.acquire(timeout=_PATIENCE_SECONDS):
                self._interrupt()  # again: the step may have been between two statements
        else:
            self._stepping.acquire()
        try:
            self._batches.close()
        finally:
            self._stepping.release()


def newest_of(rows: RawStream) -> datetime.datetime | None:
    """The largest value of the first column, a timestamp in UTC or a date; None without any."""
    found = [value for batch in rows if (value := pc.max(batch.column(0)).as_py()) is not None]
    if not found:
        return None
    newest = max(found)
    if isinstance(newest, datetime.datetime):
        return newest
    return datetime.datetime.combine(newest, datetime.time.min, datetime.UTC)
