from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from gateway import housekeeping
from gateway.errors import Unavailable
from gateway.housekeeping import Housekeeping, Lease
from gateway.running import RunningAnswers
from gateway.terms.audit import Conditions


class Desk:
    """Leases that end when a test says so (ports.Instances)."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.held = True

    def begin(self, *, ttl_seconds: int) -> str:
        self.begun.append(f"i{len(self.begun)}")
        return self.begun[-1]

    def renew(self, instance: str, *, ttl_seconds: int) -> bool:
        return self.held

    def end(self, instance: str) -> None:
        self.ended.append(instance)


class Holds:
    def broken(self, conditions: Conditions) -> str:
        return ""


class Settles:
    """Fails as often as told, then settles."""

    def __init__(self, failures: int = 0) -> None:
        self.calls = 0
        self._failures = failures

    def settle_abandoned(self) -> int:
        self.calls += 1
        if self.calls <= self._failures:
            raise Unavailable("the database did not answer", code="control")
        return 0


class Stopped(RunningAnswers):
    """Remembers what it was stopped for."""

    def __init__(self) -> None:
        super().__init__(Holds(), withdraw=lambda _: None)
        self.codes: list[str] = []

    def stop_all(self, error: Exception) -> None:  # type: ignore[override]  # only codes are of interest
        self.codes.append(getattr(error, "code", ""))


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "_TICK_SECONDS", 0.01)
    monkeypatch.setattr(housekeeping, "_SETTLE_SECONDS", 0.01)


def keeper(
    desk: Desk, running: RunningAnswers, settler: Settles, *, refusals: Callable[[], None] = lambda: None
) -> Housekeeping:
    lease = Lease(desk, ttl_seconds=3)
    return Housekeeping(
        lease=lease, renew_seconds=0.01, running=running, recheck_seconds=0.01, settler=settler, refusals=refusals
    )


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_lease_that_holds_keeps_its_id() -> None:
    lease = Lease(Desk(), ttl_seconds=3)
    assert (lease.renew(), lease.id) == (True, "i0")


def test_a_lease_that_ran_out_is_followed_by_another() -> None:
    desk = Desk()
    lease = Lease(desk, ttl_seconds=3)
    desk.held = False
    assert (lease.renew(), lease.id) == (False, "i1")


def test_what_ran_under_a_lost_lease_ends() -> None:
    desk, running = Desk(), Stopped()
    keeping = keeper(desk, running, Settles())
    desk.held = False
    keeping.start()
    until(lambda: "unavailable.lease" in running.codes)
    desk.held = True
    keeping.close()


def test_a_round_that_fails_is_tried_again() -> None:
    settler = Settles(failures=3)
    keeping = keeper(Desk(), Stopped(), settler)
    keeping.start()
    until(lambda: settler.calls > 4)
    keeping.close()


def test_closing_ends_running_answers_then_gives_the_lease_back() -> None:
    desk, running = Desk(), Stopped()
    keeping = keeper(desk, running, Settles())
    keeping.start()
    keeping.close()
    assert running.codes == ["unavailable.stopping"]
    assert desk.ended == ["i0"]


def test_closing_writes_what_was_counted() -> None:
    written = threading.Event()
    keeping = keeper(Desk(), Stopped(), Settles(), refusals=written.set)
    keeping.start()
    keeping.close()
    assert written.is_set()


def test_closing_goes_on_when_the_database_does_not_answer() -> None:
    desk = Desk()

    def fail() -> None:
        raise Unavailable("no answer", code="control")

    keeping = keeper(desk, Stopped(), Settles(), refusals=fail)
    keeping.start()
    keeping.close()
    assert desk.ended == ["i0"]
