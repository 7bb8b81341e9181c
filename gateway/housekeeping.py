"""What a running gateway does beside its requests: lease, running answers, abandoned accesses, refusals."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from gateway.errors import GatewayError, Unavailable
from gateway.identity import Gate
from gateway.ports import AuditLog, Clock, Entropy, Instances
from gateway.running import RunningAnswers
from gateway.terms.audit import Actor, EventEntry

_SETTLE_SECONDS: Final = 15.0
_REFUSALS_SECONDS: Final = 60.0
_TICK_SECONDS: Final = 0.5
_NOBODY: Final = Actor(principal="anonymous", environment="", roles=(), door="http")
_log = logging.getLogger("gateway.housekeeping")


class Settler(Protocol):
    """Closes the accesses of processes whose lease ran out."""

    def settle_abandoned(self) -> int:
        """Append an outcome `unknown` for each; how many."""


class Lease:
    """This process's right to serve, by the database's clock."""

    def __init__(self, instances: Instances, *, ttl_seconds: int) -> None:
        self._instances = instances
        self._ttl_seconds = ttl_seconds
        self._id = instances.begin(ttl_seconds=ttl_seconds)

    @property
    def id(self) -> str:
        """The instance as access entries name it."""
        return self._id

    def renew(self) -> bool:
        """False if it had run out: a new one has begun, and what ran under the old one MUST end."""
        if self._instances.renew(self._id, ttl_seconds=self._ttl_seconds):
            return True
        self._id = self._instances.begin(ttl_seconds=self._ttl_seconds)
        return False

    def end(self) -> None:
        """Give it back."""
        self._instances.end(self._id)


class Rounds:
    """One thread with a few slow clocks. A round that fails is tried again; none of them lets anything through."""

    def __init__(self, name: str, rounds: Sequence[tuple[float, Callable[[], object]]]) -> None:
        """Each act, and the seconds between two of it."""
        self._rounds = rounds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the rounds go on."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop after the act that runs."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def attempt(self, act: Callable[[], object]) -> None:
        """Do it once; a failure is noted."""
        try:
            act()
        except GatewayError as error:
            _log.warning("a round failed and will be tried again: %s", error.code)
        except Exception as error:  # noqa: BLE001 - the thread's border: if it ended, no lease would be renewed and nothing rechecked
            _log.error("a round failed unforeseen and will be tried again: %s", type(error).__name__)

    def _run(self) -> None:
        due = [time.monotonic() + seconds for seconds, _ in self._rounds]
        while not self._stop.wait(_TICK_SECONDS):
            for number, (seconds, act) in enumerate(self._rounds):
                if time.monotonic() >= due[number]:
                    self.attempt(act)
                    due[number] = time.monotonic() + seconds


class Housekeeping:
    """Lease, running answers, abandoned accesses and refusals, in rounds of their own."""

    def __init__(
        self,
        *,
        lease: Lease,
        renew_seconds: float,
        running: RunningAnswers,
        recheck_seconds: float,
        settler: Settler,
        refusals: Callable[[], None],
    ) -> None:
        self._lease = lease
        self._running = running
        self._refusals = refusals
        self._rounds = Rounds(
            "housekeeping",
            [
                (renew_seconds, self._renew),
                (recheck_seconds, running.recheck),
                (_SETTLE_SECONDS, settler.settle_abandoned),
                (_REFUSALS_SECONDS, refusals),
            ],
        )

    def start(self) -> None:
        """Begin."""
        self._rounds.start()

    @property
    def is_alive(self) -> bool:
        """Whether the rounds go on."""
        return self._rounds.is_alive

    def close(self) -> None:
        """Stop, write what was counted, and give the lease back."""
        self._rounds.close()
        self._rounds.attempt(self._refusals)
        self._running.stop_all(Unavailable("the gateway is stopping", code="stopping", fix="ask again"))
        try:
            self._lease.end()
        except GatewayError as error:
            _log.warning("the lease was not given back: %s", error.code)

    def _renew(self) -> None:
        if not self._lease.renew():
            self._running.stop_all(Unavailable("this gateway process lost its lease", code="lease", fix="ask again"))


def refusal_counter(gate: Gate, *, log: AuditLog, clock: Clock, entropy: Entropy) -> Callable[[], None]:
    """Writes one entry for all credentials refused since the last call (T18)."""

    def write() -> None:
        refused = gate.take_refused()
        if refused:
            log.append(
                EventEntry(
                    receipt=f"r_{entropy.draw(16).hex()}",
                    time=clock.now(),
                    actor=_NOBODY,
                    action="refused-credentials",
                    detail={"count": refused},
                )
            )

    return write
