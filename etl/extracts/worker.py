"""The worker: claims jobs and makes them versions, one at a time; between them it tidies up.

A lost claim is normal: the attempt ends, what it wrote is named by nothing and is swept, and the next job is claimed.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from types import FrameType
from typing import Final

from etl.extracts.attempt import Attempt, Workshop
from etl.extracts.tidying import Tidying
from gateway.errors import Denied, Exhausted, GatewayError, Integrity, Unavailable
from gateway.terms.extract import Job
from gateway.terms.identity import JobTicket

TRIES: Final = 3
"""Attempts at a job that fails because something did not answer."""
MAX_ATTEMPTS: Final = 12
"""Attempts at a job at all: one that ends its worker each time is given up."""
RETRY_SECONDS: Final = 15.0
"""Before the second attempt; doubles with each."""
STOPPING: Final = "unavailable.stopping"
_LATER: Final = frozenset({"exhausted.rate", "exhausted.concurrency"})
"""The requester has too much running: wait, for as long as there are attempts."""
_log = logging.getLogger("gateway.worker")


class Worker:
    """Runs in the calling thread. Any number of workers, in any number of processes, share a queue."""

    def __init__(
        self,
        shop: Workshop,
        *,
        poll_seconds: float = 1.0,
        tidy_seconds: float = 60.0,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """Begin; nothing is claimed yet.

        Args:
            poll_seconds: pause while there is no job.
            tidy_seconds: between rounds of sweeping, announcing and expiring.
            retry_seconds: before a job's second attempt.
        """
        self._shop = shop
        self._queue = shop.stock.queue
        self._tidying = Tidying(shop)
        self._poll_seconds = poll_seconds
        self._tidy_seconds = tidy_seconds
        self._retry_seconds = retry_seconds

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; a job in work then goes back to the queue."""
        tidy_at = time.monotonic()
        while not stop.is_set():
            if time.monotonic() >= tidy_at:
                self._round()
                tidy_at = time.monotonic() + self._tidy_seconds
            if not self._worked(stop):
                stop.wait(self._poll_seconds)

    def run_once(self, stop: threading.Event | None = None) -> bool:
        """Claim and finish one job; False if there was none."""
        job = self._queue.claim(lease_seconds=self._shop.lease_seconds)
        if job is None:
            return False
        self._work(job, stop or threading.Event())
        return True

    def _worked(self, stop: threading.Event) -> bool:
        try:
            return self.run_once(stop)
        except GatewayError as error:
            _log.warning("a job could not be claimed or ended, and will be tried again: %s", error.code)
            return False

    def _round(self) -> None:
        try:
            self._tidying.run_once()
        except GatewayError as error:
            _log.warning("tidying failed and will be tried again: %s", error.code)

    def _work(self, job: Job, stop: threading.Event) -> None:
        attempt = Attempt(self._shop, job, stop=stop)
        error: GatewayError = Integrity("an unforeseen error; the operator's log has its place", code="internal")
        try:
            version = _checked(attempt, job).run()
        except GatewayError as known:
            error = known
        except Exception as unforeseen:  # noqa: BLE001 - the worker's border: its text may hold a value, and other jobs wait
            _log.error("unforeseen %s in job %s", type(unforeseen).__name__, job.id)
        else:
            self._tidying.announce(version)
            return
        self._settle(job, error, attempt=attempt)

    def _settle(self, job: Job, error: GatewayError, *, attempt: Attempt) -> None:
        """End the job, or give it back; then what the attempt left is nobody's."""
        ticket = JobTicket(job=job.id, epoch=job.epoch)
        receipt = error.receipt or attempt.receipt
        told = {"code": error.code, "message": _message(error), "receipt": receipt}
        if error.code == STOPPING:
            self._queue.retry(ticket, delay_seconds=0, **told)
        elif _is_passing(job, error):
            delay = self._retry_seconds * 2 ** min(job.epoch - 1, 6)
            self._queue.retry(ticket, delay_seconds=delay, **told)
        elif self._queue.end(ticket, state="failed", **told):
            self._tidying.tell_failed(job, code=error.code, receipt=receipt)
        if attempt.folder is not None:
            self._tidying.discard(job.id, job.epoch, attempt.folder)


def run_worker(worker: Worker) -> None:
    """Work until SIGINT or SIGTERM; a job in work then goes back to the queue. Call in the main thread."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        worker.run(stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _checked(attempt: Attempt, job: Job) -> Attempt:
    if job.epoch > MAX_ATTEMPTS:
        raise Exhausted(f"given up after {MAX_ATTEMPTS} attempts", code="attempts", fix="tell the operator")
    return attempt


def _is_passing(job: Job, error: GatewayError) -> bool:
    if error.code in _LATER:
        return job.epoch < MAX_ATTEMPTS
    return isinstance(error, Unavailable) and job.epoch < TRIES


def _message(error: GatewayError) -> str:
    fix = f" → {error.fix}" if error.fix and not isinstance(error, Denied) else ""
    return f"{error.message}{fix}"
