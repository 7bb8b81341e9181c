"""Carries notices from the outbox to their destinations, in a thread of its own."""

from __future__ import annotations

import datetime
import logging
import threading
from collections.abc import Sequence
from typing import Final, Protocol

from etl.outgoing.destinations import Destination
from gateway.errors import GatewayError
from gateway.ports import Clock
from gateway.terms.notice import Notice, WaitingNotice

LEASE_SECONDS: Final = 120.0
"""Longer than any send; a taker that died is followed by another after it."""
FIRST_WAIT_SECONDS: Final = 10.0
LONGEST_WAIT_SECONDS: Final = 3600.0
GIVEN_UP_AFTER: Final = datetime.timedelta(hours=72)
"""A notice that nobody took for so long is dropped, or all behind it would wait for ever."""
_KEPT_DAYS: Final = 30
_PAUSE_SECONDS: Final = 2.0
_BATCH: Final = 100
_log = logging.getLogger("gateway.notices")


class Outbox(Protocol):
    """Notices that wait to leave (gateway.store.Outbox)."""

    def put(self, notices: Sequence[Notice]) -> None:
        """Store those whose channel and key are new, all or none."""

    def take(self, channel: str, *, lease_seconds: float) -> WaitingNotice | None:
        """The channel's oldest notice, for this taker alone until the lease ends; None if it must wait, or is none."""

    def done(self, sequence: int) -> None:
        """It was delivered, or given up; the next one is due."""

    def retry(self, sequence: int, *, after_seconds: float) -> None:
        """It failed; the channel waits so long."""

    def forget(self, *, days: int) -> int:
        """Delete what was done that many days ago; how many."""


class Courier:
    """One thread for all destinations. Several replicas may run one each: a notice is taken by one at a time."""

    def __init__(self, outbox: Outbox, destinations: Sequence[Destination], *, clock: Clock) -> None:
        self._outbox = outbox
        self._destinations = destinations
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Begin; nothing to do without a destination."""
        if self._destinations:
            self._thread.start()

    def close(self) -> None:
        """Stop after the send that runs, at most its timeout; what waits stays in the outbox."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def round(self) -> int:
        """Send what is due, at most 100 a destination; how many were delivered."""
        self._outbox.forget(days=_KEPT_DAYS)
        return sum(self._drain(destination) for destination in self._destinations)

    def _drain(self, destination: Destination) -> int:
        for sent in range(_BATCH):
            if self._stop.is_set():
                return sent
            waiting = self._outbox.take(destination.channel, lease_seconds=LEASE_SECONDS)
            if waiting is None or not self._deliver(destination, waiting):
                return sent
        return _BATCH

    def _deliver(self, destination: Destination, waiting: WaitingNotice) -> bool:
        now = self._clock.now()
        try:
            destination.send(waiting, now=now)
        except GatewayError as error:
            self._put_back(destination, waiting, error, now=now)
            return False
        self._outbox.done(waiting.sequence)
        return True

    def _put_back(
        self, destination: Destination, waiting: WaitingNotice, error: GatewayError, *, now: datetime.datetime
    ) -> None:
        if now - waiting.created > GIVEN_UP_AFTER:
            _log.error("%s: a notice was given up after 72 h (%s)", destination.channel, error.message)
            self._outbox.done(waiting.sequence)
            return
        _log.warning("%s: a notice waits (%s)", destination.channel, error.message)
        self._outbox.retry(waiting.sequence, after_seconds=wait_seconds(waiting.attempts))

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            try:
                self.round()
            except GatewayError as error:
                _log.warning("notices wait: %s", error.code)
            except Exception as error:  # noqa: BLE001 - the thread's border: if it ended, no notice would leave again
                _log.error("a round of notices failed unforeseen: %s", type(error).__name__)


def wait_seconds(attempts: int) -> float:
    """10 s, doubling to an hour."""
    return min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(attempts, 20))
