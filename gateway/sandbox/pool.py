"""The pool of children: some warm and bound to nobody, some waiting for their binding's next query, some at work.

Keepers spawn (they live as long as their children, which die with them), the watch kills at deadlines and when idle.
A query takes a waiting child of its binding, else a warm one; it waits only when there is neither. Of those that wait
the next is who has the fewest children at work: one principal's eaters, each of which costs a child, keep nobody else
from the next one.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from gateway.errors import Exhausted, GatewayError, Invalid, Unavailable
from gateway.sandbox.failures import End
from gateway.sandbox.limits import Binding, SandboxLimits, Spill
from gateway.sandbox.process import Child, spawn
from gateway.sandbox.run import Run
from gateway.terms.streams import AnswerStream, ReleasedStream

RETRY_SECONDS: Final = 1.0
"""After a failed spawn."""
BATCH_ROWS: Final = 16_384
"""Rows of an answer's batch: small enough to begin early, large enough that frames cost nothing."""
SPILLED_BATCH_ROWS: Final = 65_536
"""Of an extract's: nobody waits for its first row."""
KEEPERS: Final = 2
"""Children that start at once: most of a start is one thread's work."""
MAX_WATCH_SECONDS: Final = 5.0
"""The watch looks at least so often."""


@dataclasses.dataclass(eq=False, slots=True)
class _Place:
    """One query's in the queue for a warm child, which is kept in the order of arrival."""

    principal: str


class Sandbox:
    """Runs users' SQL over released streams, in children that can do nothing else."""

    def __init__(self, limits: SandboxLimits, *, python: str = sys.executable) -> None:
        self._limits = limits
        self._python = python
        self._changed = threading.Condition()
        self._warm: list[Child] = []
        self._idle: dict[Child, float] = {}
        """Bound children that wait, and until when."""
        self._busy: dict[Child, float] = {}
        """Children at work, and their deadlines."""
        self._gone: list[Child] = []
        """Killed, not yet reaped."""
        self._starting = 0
        self._waiting: list[_Place] = []
        self._isolation: Mapping[str, bool] = {}
        self._broken: GatewayError | None = None
        """Why the last spawn failed."""
        self._closing = threading.Event()
        self._threads = [
            *(threading.Thread(target=self._keep_warm, name="sandbox-keeper", daemon=True) for _ in range(KEEPERS)),
            threading.Thread(target=self._watch, name="sandbox-watch", daemon=True),
        ]

    def start(self) -> None:
        """Spawn the first child and wait until it is ready. MUST be called once, before anything else.

        Raises:
            Unavailable: it could not be started or isolated; the text says what is missing.
        """
        for thread in self._threads:
            thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._warm or self._broken or self._closing.is_set())
            broken = self._broken
        if broken:
            self.close()
            raise broken

    def close(self) -> None:
        """Kill all children; running queries end with Unavailable."""
        with self._changed:
            self._closing.set()
            for child in (*self._warm, *self._idle, *self._busy):
                child.kill("stopped")
            self._gone += [*self._warm, *self._idle]
            self._warm.clear()
            self._idle.clear()
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._reap_gone()

    def _reap_gone(self) -> None:
        with self._changed:
            gone, self._gone = self._gone, []
        for child in gone:
            child.reap()

    @property
    def is_healthy(self) -> bool:
        """Whether children start and are watched."""
        return self._broken is None and all(thread.is_alive() for thread in self._threads)

    def isolation(self) -> Mapping[str, bool]:
        """What a real child achieved, by name: `seccomp`, `landlock`. Empty before start."""
        return self._isolation

    def execute(  # noqa: PLR0913 - each is a fact of the one query
        self,
        sql: str,
        streams: Mapping[str, ReleasedStream],
        *,
        binding: Binding,
        output_names: tuple[str, ...],
        materialized: frozenset[str],
        deadline: float,
        spill: Spill | None = None,
        when_read: Callable[[], None] = lambda: None,
    ) -> AnswerStream:
        """Run one SELECT over released streams; returns when the answer's schema is known.

        Takes the streams over: each is closed when the query ends, however it ends. The answer MUST be closed.
        Differences to PostgreSQL that remain: sqrt of a negative number and ln(0) give NaN and -Infinity, not an
        error. Division by zero is an error, as there.

        Args:
            sql: DuckDB's dialect, from the plan; tables are the names in `streams`.
            streams: by scan id.
            binding: whose child may run it.
            output_names: of the answer's columns, in order; may repeat.
            materialized: scans to load whole, in an order that their rows alone decide; MUST hold all that the
                query reads more than once. The others are streamed in the order that they come in.
            deadline: `time.monotonic()` at which the child is killed, finished or not.
            spill: run in a child of the query's own, which may use this folder. The calling thread MUST outlive it.
            when_read: called from another thread when no stream is read any more: the answer needs nothing further.

        Raises:
            Invalid: the query failed on a value (`invalid.execution`) or answers with a type that is not offered.
            Exhausted: memory, time, a row above 64 MiB, too many scans, or no child became free until the deadline.
            Denied: `drop` ended it.
            Unavailable: no child, a crash, or a stream failed without saying how.
            GatewayError: whatever a stream raised, unchanged.
        """
        try:
            if len(streams) > self._limits.max_scans:
                raise Invalid(f"a query reads at most {self._limits.max_scans} tables", code="scans")
            child = self._own(binding, spill, deadline=deadline) if spill else self._take(binding, deadline=deadline)
        except GatewayError:
            for stream in streams.values():
                stream.close()
            raise
        run = Run(child, streams=streams, give_back=self._give_back, when_read=when_read)
        schema = run.start(
            sql,
            output_names=output_names,
            materialized=materialized,
            batch_rows=SPILLED_BATCH_ROWS if spill else BATCH_ROWS,
        )
        return AnswerStream(schema, run.batches(), close=run.close)

    def drop(self, principal: str) -> None:
        """Kill every child of a principal at once: a right was revoked, a lease lost."""
        with self._changed:
            for child in (*self._idle, *self._busy):
                if child.binding is not None and child.binding.principal == principal:
                    child.kill("revoked")
            self._changed.notify_all()

    # --- a query's side -------------------------------------------------------------------------------------------

    def _take(self, binding: Binding, *, deadline: float) -> Child:
        place = _Place(binding.principal)
        with self._changed:
            self._waiting.append(place)
            self._changed.notify_all()  # the keepers count who waits
            try:
                while True:
                    if self._closing.is_set():
                        raise Unavailable("the gateway is stopping", code="stopping")
                    if child := self._waiting_for(binding) or self._fresh(place, binding):
                        child.binding, child.served = binding, child.served + 1
                        self._busy[child] = deadline
                        return child
                    if self._broken:
                        raise self._broken
                    self._make_room()
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise Exhausted("no sandbox became free in time", code="busy", fix="ask again later")
                    self._changed.wait(left)
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()

    def _own(self, binding: Binding, spill: Spill, *, deadline: float) -> Child:
        """A child for one query, spawned for it and never used again."""
        child = spawn(self._limits, python=self._python, spill=spill)
        with self._changed:
            child.binding, child.served = binding, self._limits.queries_per_child
            self._busy[child] = deadline
            if self._closing.is_set():
                child.kill("stopped")
            self._changed.notify_all()
        return child

    def _waiting_for(self, binding: Binding) -> Child | None:
        """A child of this binding; ends those that wait for questions under another bundle, of which none will come."""
        for child in [each for each in self._idle if each.binding and each.binding.digest != binding.digest]:
            del self._idle[child]
            self._retire(child, "retired")
        for child in self._idle:
            if child.binding == binding and child.end is None and child.is_alive:
                del self._idle[child]
                return child
        return None

    def _fresh(self, place: _Place, binding: Binding) -> Child | None:
        while self._warm and self._next() is place:
            child = self._warm.pop(0)
            if child.is_alive and self._is_bounded(child, binding.memory_mb):
                return child
            self._retire(child, "retired")
        return None

    def _is_bounded(self, child: Child, memory_mb: int | None) -> bool:
        """Whether it has the memory of its binding, for good: what a child has mapped once it can use again."""
        limits = self._limits
        if memory_mb is None or memory_mb >= limits.memory_mb:
            return True
        return child.bound_memory(below_mb=limits.address_space_mb - memory_mb)

    def _next(self) -> _Place:
        """Who gets the next warm child."""
        busy = Counter(child.binding.principal for child in self._busy if child.binding is not None)
        return min(self._waiting, key=lambda place: busy[place.principal])

    def _make_room(self) -> None:
        """Give up the child that will be idle for the shortest time, if the pool is full of them."""
        if self._total() >= self._limits.max_children and self._idle:
            child = min(self._idle, key=self._idle.__getitem__)
            del self._idle[child]
            self._retire(child, "retired")

    def _give_back(self, child: Child, reusable: bool) -> None:  # noqa: FBT001 - the signature that Run asks for
        with self._changed:
            self._busy.pop(child, None)
            used_up = child.served >= self._limits.queries_per_child
            if reusable and child.end is None and not used_up and not self._closing.is_set():
                self._idle[child] = time.monotonic() + self._limits.idle_seconds
            else:
                self._retire(child, "retired")
            self._changed.notify_all()
        if self._closing.is_set():
            self._reap_gone()

    # --- the keeper ------------------------------------------------------------------------------------------------

    def _keep_warm(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing.is_set() or self._wants_child())
                if self._closing.is_set():
                    return
                self._starting += 1
            child, broken = self._spawned()
            with self._changed:
                self._starting, self._broken = self._starting - 1, broken
                if child and self._closing.is_set():
                    self._retire(child, "stopped")
                elif child:
                    self._isolation = child.isolation
                    self._warm.append(child)
                self._changed.notify_all()
                if broken and self._changed.wait_for(self._closing.is_set, timeout=RETRY_SECONDS):
                    return

    def _spawned(self) -> tuple[Child | None, GatewayError | None]:
        try:
            return spawn(self._limits, python=self._python), None
        except Unavailable as error:
            return None, error
        except Exception:  # noqa: BLE001 - the thread's border: if it ended, no child would ever start again
            return None, Unavailable("a sandbox child could not be started", code="sandbox")

    def _wants_child(self) -> bool:
        wanted = max(self._limits.warm_children, len(self._waiting), 0 if self._isolation else 1)
        return len(self._warm) + self._starting < wanted and self._total() < self._limits.max_children

    def _total(self) -> int:
        return len(self._warm) + len(self._idle) + len(self._busy) + self._starting

    # --- the watch -------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._closing.is_set():
            with self._changed:
                seconds = self._kill_what_is_due()
                if not (self._gone or self._closing.is_set()):
                    self._changed.wait(seconds)  # any change may bring an earlier deadline: look again
                gone, self._gone = self._gone, []
            for child in gone:  # outside of the lock: the kernel takes a while to free a large one
                child.reap()

    def _kill_what_is_due(self) -> float:
        """Kill children past their deadline or idle time; seconds until the next of them is due."""
        now = time.monotonic()
        for child, deadline in self._busy.items():
            if deadline <= now and child.end is None:
                child.kill("time")  # its query sees the end and gives it back
        for child, until in list(self._idle.items()):
            if until <= now or child.end is not None or not child.is_alive:
                del self._idle[child]
                self._retire(child, "retired")
        due = [at for child, at in (*self._busy.items(), *self._idle.items()) if child.end is None]
        return max(0.0, min([*due, now + MAX_WATCH_SECONDS]) - now)

    def _retire(self, child: Child, end: End) -> None:
        child.kill(end)
        self._gone.append(child)
        self._changed.notify_all()
