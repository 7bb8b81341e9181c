"""A thread with a worker of its own: it starts one when it is asked, blames the text that ended one, and goes on.

The kernel kills a worker when the thread that started it ends, so the thread lives as long as the pool.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

from gateway.detection.child.frames import CHUNK_NOTES
from gateway.detection.worker import Gone, Worker
from gateway.errors import GatewayError, Unavailable
from gateway.terms.recognition import ColumnVerdict, Evidence, Found, NameList, Note, SampledColumn, SampledTable

WHOLE: Final = Found(is_whole=True)
START_TRIES: Final = 3
MAX_DEATHS: Final = 8
"""Workers that one piece of texts, or one table, may cost; the rest of it is then removed whole, or not classified."""
_log = logging.getLogger("gateway.detection")


class Counts:
    """How often something happened, by name; never a text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, number: int = 1) -> None:
        """Count."""
        with self._lock:
            self._counts[name] += number

    def told(self) -> dict[str, int]:
        """All of them, now."""
        with self._lock:
            return dict(self._counts)


class Job:
    """A piece of work, and where its result goes."""

    def __init__(self, work: Callable[[Lane], Any], *, is_wanted: Callable[[], bool]) -> None:
        self.result: Future[Any] = Future()
        self._work = work
        self._is_wanted = is_wanted

    def run(self, lane: Lane) -> None:
        """Do it, unless nobody waits any more."""
        if not self._is_wanted():
            self.result.cancel()
            return
        try:
            self.result.set_result(self._work(lane))
        except GatewayError as error:
            self.result.set_exception(error)
        except BaseException:  # noqa: BLE001 - the thread's border: its text may hold a value, and nobody would answer again
            lane.discard()
            self.result.set_exception(Unavailable("looking at texts failed", code="detection"))


class Lane:
    """Takes jobs until the pool closes."""

    def __init__(
        self,
        jobs: queue.Queue[Job],
        *,
        begin: Callable[[], Worker],
        counts: Counts,
        idle_seconds: float,
    ) -> None:
        self.isolation: Mapping[str, bool] = {}
        """What its last worker achieved."""
        self._jobs = jobs
        self._begin = begin
        self._counts = counts
        self._idle_seconds = idle_seconds
        self._closing = threading.Event()
        self._worker: Worker | None = None
        self.thread = threading.Thread(target=self._run, name="detection", daemon=True)

    def close(self) -> None:
        """End after the job in hand, whose worker is killed."""
        self._closing.set()
        if worker := self._worker:
            worker.kill()

    def find(self, notes: Sequence[Note], *, names: NameList | None, is_strict: bool) -> list[Found]:
        """One for each note. A text that ends a worker is to be removed whole; the others are looked at by the next.

        Raises:
            Unavailable: no worker starts, or the pool closes.
        """
        found: list[Found] = []
        alone_until = deaths = 0
        while len(found) < len(notes):
            alone = len(found) < alone_until
            rest = notes[len(found) : alone_until if alone else len(notes)]
            try:
                for some in self._ready().find(rest, names=names, is_strict=is_strict, alone=alone):
                    found += [self._counted(outcome, each) for outcome, each in some]
            except Gone as gone:
                self._lose(gone)
                deaths += 1
                if deaths == MAX_DEATHS:
                    self._counts.add("given_up", len(notes) - len(found))
                    return found + [WHOLE] * (len(notes) - len(found))
                if alone:  # asked one by one: it is the first without an answer
                    self._counts.add("blamed")
                    found.append(WHOLE)
                else:
                    alone_until = min(len(found) + CHUNK_NOTES, len(notes))
        return found

    def classify(self, table: SampledTable) -> list[ColumnVerdict]:
        """One for each column; what cannot be classified stays a direct identifier until somebody confirms.

        Raises:
            Unavailable: no worker starts, or the pool closes.
        """
        verdicts = self._classified(table)
        if verdicts is not None:
            return verdicts
        told, deaths = [], 1
        for column in table.columns:
            alone = SampledTable(name=table.name, columns=(column,), row_estimate=table.row_estimate)
            verdicts = self._classified(alone) if deaths < MAX_DEATHS else None
            deaths += verdicts is None
            told += verdicts or [_unread(column)]
        return told

    def discard(self) -> None:
        """End the worker: what it is at is not known."""
        worker, self._worker = self._worker, None
        if worker:
            worker.end()

    def _classified(self, table: SampledTable) -> list[ColumnVerdict] | None:
        try:
            return self._ready().classify(table)
        except Gone as gone:
            self._lose(gone)
            return None

    def _ready(self) -> Worker:
        if self._worker and self._worker.has_grown:
            self._counts.add("replaced")
            self.discard()
        for rest in reversed(range(START_TRIES)):
            if self._closing.is_set():
                raise Unavailable("the gateway is stopping", code="stopping")
            if self._worker:
                return self._worker
            try:
                self._start()
            except Unavailable as error:
                self.discard()
                if not rest or error.code == "unavailable.model":
                    raise
        raise Unavailable("the gateway is stopping", code="stopping")

    def _start(self) -> None:
        self._worker = self._begin()
        if self._closing.is_set():  # between the look and the start
            self._worker.kill()
        self._worker.await_ready()
        self.isolation = self._worker.isolation
        self._counts.add("started")

    def _lose(self, gone: Gone) -> None:
        self.discard()
        if self._closing.is_set():
            raise Unavailable("the gateway is stopping", code="stopping")
        self._counts.add(gone.reason)
        _log.warning("a worker was lost (%s); since the start: %s", gone.reason, self._counts.told())

    def _counted(self, outcome: str, found: Found) -> Found:
        if found.is_whole:
            self._counts.add(outcome)
        return found

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                job = self._jobs.get(timeout=self._idle_seconds)
            except queue.Empty:
                self.discard()
                continue
            job.run(self)
        self.discard()


def _unread(column: SampledColumn) -> ColumnVerdict:
    return ColumnVerdict(
        column=column.name,
        classification="direct_identifier",
        kind="other",
        confidence=0.0,
        evidence=(Evidence(rule="not classified"),),
    )
