"""Keeps a claim alive while its attempt works, and ends the attempt as soon as the claim is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal, Self

from gateway.errors import Unavailable
from gateway.ports import JobQueue
from gateway.terms.identity import JobTicket

Ending = Literal["", "lost", "stopping"]


class Claim:
    """Renews in a thread of its own at a third of the lease. Use as a context manager around the attempt.

    Leases are by the database's clock. While it does not answer, the claim is kept for as long as the last renewal
    lasted; after that it counts as lost.
    """

    def __init__(self, queue: JobQueue, ticket: JobTicket, *, lease_seconds: float, stop: threading.Event) -> None:
        """`stop`: the worker is asked to end."""
        self.ticket = ticket
        self.rows = 0
        """Progress to show."""
        self._queue = queue
        self._lease_seconds = lease_seconds
        self._stop = stop
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._ending: Ending = ""
        self._abort: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="claim", daemon=True)

    @property
    def ending(self) -> Ending:
        """Why the attempt must end; empty while it may go on."""
        return self._ending

    def on_ending(self, abort: Callable[[], None]) -> None:
        """Call this from the claim's thread when the attempt must end; it MUST make a blocked read return."""
        with self._lock:
            self._abort = abort
            is_ending = bool(self._ending)
        if is_ending:
            abort()

    def settle(self) -> None:
        """Renew once more and stop the thread: what follows is short, and checks the claim itself.

        Raises:
            Unavailable: `claim`: it is lost; `stopping`: the worker is to end.
        """
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        if not self._ending and not self._renew():
            self._ending = "lost"
        if self._ending:
            raise self.error()

    def error(self) -> Unavailable:
        """Why the attempt must end, as an error."""
        if self._ending == "stopping":
            return Unavailable("the worker is stopping; the job goes back to the queue", code="stopping")
        return Unavailable("this attempt's claim on the job is lost", code="claim")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        renewed = time.monotonic()
        while not self._over.wait(min(self._lease_seconds / 3, 1.0)):
            if self._stop.is_set():
                self._end("stopping")
                return
            now = time.monotonic()
            if now - renewed < self._lease_seconds / 3:
                continue
            try:
                if not self._renew():
                    self._end("lost")
                    return
                renewed = now
            except Unavailable:
                if now - renewed > self._lease_seconds:
                    self._end("lost")
                    return

    def _renew(self) -> bool:
        return self._queue.renew(self.ticket, lease_seconds=self._lease_seconds, rows=self.rows)

    def _end(self, ending: Ending) -> None:
        with self._lock:
            self._ending = ending
            abort = self._abort
        abort()
