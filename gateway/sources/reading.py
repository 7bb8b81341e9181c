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
_LOOK_SECONDS: Final = 3600.0
"""Deadlines are looked at so often though none is due."""


class Deadlines:
    """One thread that waits for the deadlines of all reads: one for each would cost more than a small read.

    What is due acts in a thread of its own: a source that hangs keeps no other deadline waiting (T15).
    """

    def __init__(self) -> None:
        """Nothing runs before the first deadline is given."""
        self._changed = threading.Condition()
        self._watched: dict[object, tuple[float, Callable[[], None]]] = {}
        self._next = 0.0
        """When the thread looks again by itself."""
        self._thread: threading.Thread | None = None

    def watch(self, deadline: float, act: Callable[[], None]) -> object:
        """Call `act` at the deadline (`time.monotonic()`), once; the result is for `forget`."""
        watch = object()
        with self._changed:
            self._watched[watch] = (deadline, act)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="source-deadlines", daemon=True)
                self._thread.start()
            elif deadline < self._next:
                self._changed.notify()
        return watch

    def forget(self, watch: object) -> None:
        """Do not call it, unless its moment has come."""
        with self._changed:
            self._watched.pop(watch, None)

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                due = [watch for watch, (at, _) in self._watched.items() if at <= now]
                acts = [self._watched.pop(watch)[1] for watch in due]
                self._next = min([now + _LOOK_SECONDS, *(at for at, _ in self._watched.values())])
                if not acts:
                    self._changed.wait(self._next - now)
            for act in acts:
                threading.Thread(target=act, name="source-expiry", daemon=True).start()


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
