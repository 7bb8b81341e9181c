from __future__ import annotations

import datetime
import threading

import pytest

from gateway.errors import Exhausted, Unauthenticated
from gateway.identity import Admission, Gate
from gateway.identity import admission as module
from gateway.terms.identity import Credentials, Principal

NOW = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)


class Watch:
    """A clock that a test turns."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Doorman:
    """Lets `ana` in (ports.Authenticator)."""

    def authenticate(self, credentials: Credentials, *, now: datetime.datetime) -> Principal:
        if credentials.bearer != "ana":
            raise Unauthenticated("no")
        return Principal(id="ana", roles=frozenset(), environment="dev", issuer="test", credential_id="c")


def limit(*, per_minute: int = 2, concurrent: int = 2) -> tuple[Admission, Watch]:
    watch = Watch()
    return Admission(per_minute=per_minute, concurrent=concurrent, monotonic=watch), watch


def spent(admission: Admission, principal: str = "ana") -> int:
    """Requests until one is refused."""
    count = 0
    while count < 1000:
        try:
            admission.request(principal)
        except Exhausted:
            return count
        count += 1
    raise AssertionError("never refused")


def test_a_minutes_worth_may_come_at_once_and_no_more() -> None:
    admission, _ = limit(per_minute=5)
    assert spent(admission) == 5


def test_requests_come_back_with_time_and_never_beyond_the_limit() -> None:
    admission, watch = limit(per_minute=6)
    spent(admission)
    watch.seconds = 20
    assert spent(admission) == 2
    watch.seconds = 10_000
    assert spent(admission) == 6


def test_refused_requests_cost_nothing() -> None:
    admission, watch = limit(per_minute=1)
    for _ in range(50):
        spent(admission)
    watch.seconds = 60
    assert spent(admission) == 1


def test_the_refusal_says_when_to_come_again() -> None:
    admission, watch = limit(per_minute=6)
    spent(admission)
    watch.seconds = 4
    with pytest.raises(Exhausted) as refused:
        admission.request("ana")
    assert (refused.value.code, refused.value.fix) == ("exhausted.rate", "try again in 6.0 s")


def test_principals_have_rates_of_their_own() -> None:
    admission, _ = limit(per_minute=2)
    assert [spent(admission, name) for name in ("ana", "bob")] == [2, 2]


def test_those_that_are_forgotten_are_not_those_that_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by dropping who has a full bucket anyway; a flooder among many keeps waiting."""
    monkeypatch.setattr(module, "_FORGET_AFTER", 10)
    admission, watch = limit(per_minute=60)
    spent(admission, "flooder")
    for number in range(30):
        admission.request(f"p{number}")
        watch.seconds += 0.01
    assert spent(admission, "flooder") == 0


def test_places_are_counted_per_principal_and_given_back() -> None:
    admission, _ = limit(concurrent=1)
    admission.take("ana")
    admission.take("bob")
    with pytest.raises(Exhausted) as refused:
        admission.take("ana")
    assert refused.value.code == "exhausted.concurrency"
    admission.give("ana")
    admission.take("ana")


def test_places_are_counted_across_threads() -> None:
    admission, _ = limit(concurrent=5)
    taken, refused = [], []

    def take() -> None:
        try:
            admission.take("ana")
            taken.append(1)
        except Exhausted:
            refused.append(1)

    threads = [threading.Thread(target=take) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(refused)) == (5, 35)


def test_the_gate_counts_what_it_refuses_and_hands_the_figure_out_once() -> None:
    admission, _ = limit()
    gate = Gate(authenticator=Doorman(), admission=admission)
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            gate.enter(Credentials(bearer="eve"), now=NOW)
    assert gate.enter(Credentials(bearer="ana"), now=NOW).id == "ana"
    assert (gate.take_refused(), gate.take_refused()) == (3, 0)


def test_refused_credentials_use_up_nobodys_rate() -> None:
    admission, _ = limit(per_minute=1)
    gate = Gate(authenticator=Doorman(), admission=admission)
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            gate.enter(Credentials(bearer="eve"), now=NOW)
    assert gate.enter(Credentials(bearer="ana"), now=NOW).id == "ana"
    with pytest.raises(Exhausted):
        gate.enter(Credentials(bearer="ana"), now=NOW)
    assert gate.take_refused() == 5, "a rate is no refused credential"
