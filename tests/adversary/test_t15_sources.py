"""T15: a client that stops reading must not pin production's snapshot.

A backend that waits for its reader (ClientWrite) heeds neither statement_timeout nor a cancel; losing its connection
ends it at once. Each test looks at the server, not at what the adapter believes.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pyarrow as pa
import pytest

from gateway.errors import Exhausted, GatewayError, Unavailable
from gateway.ports import SourceSession
from gateway.sources import PostgresSource
from gateway.terms.dataset import Column
from gateway.terms.plan import Scan
from gateway.terms.streams import RawStream, Tally
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures

pytestmark = pytest.mark.postgres

COLUMN = Column(name="v", type=pa.string(), classification="public")
LARGE = "INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 100000)"
"""100 MB: more than sockets and the driver hold."""


def scan() -> Scan:
    return Scan(
        id="__scan_1",
        dataset="core.t",
        source="core",
        table=("t",),
        columns=(COLUMN,),
        aux_columns=(),
        rows=None,
        follow=None,
        pushed=None,
    )


class Watched:
    """One access, and what the server says of its backends."""

    def __init__(self, url: str, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._source = PostgresSource("core", url)
        self._connection = connection
        self._receipt = f"r_{secrets.token_hex(8)}"

    def session(self, *, seconds: float = 60) -> SourceSession:
        return self._source.session(receipt=self._receipt, deadline=time.monotonic() + seconds, tally=Tally())

    def backends(self) -> list[str]:
        found = self._connection.execute(
            "SELECT coalesce(wait_event, '') FROM pg_stat_activity WHERE application_name = %s",
            [f"gateway {self._receipt}"],
        )
        return sorted(str(event) for (event,) in found.fetchall())

    def wait(self, holds: Callable[[list[str]], bool], *, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if holds(self.backends()):
                return True
            time.sleep(0.02)
        return False

    def stalled(self, session: SourceSession) -> RawStream:
        """A stream of which one batch was read, and whose backend waits for its reader."""
        stream = session.scan(scan())
        next(iter(stream))
        assert self.wait(lambda events: "ClientWrite" in events, seconds=10)
        return stream


@pytest.fixture
def watched(postgres_url: str) -> Iterator[Watched]:  # noqa: F811 - a fixture
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (v text)")
        connection.execute(LARGE)
        yield Watched(postgres_url, connection)


def is_gone(events: list[str]) -> bool:
    return not events


def test_closing_a_session_ends_a_stalled_backend_within_a_second(watched: Watched) -> None:
    session = watched.session()
    stream = watched.stalled(session)
    began = time.monotonic()
    session.close()
    assert watched.wait(is_gone, seconds=1 - (time.monotonic() - began))
    with pytest.raises(Unavailable) as caught:
        list(stream)
    assert caught.value.code == "unavailable.closed"


def test_closing_one_stream_ends_its_backend_and_no_other(watched: Watched) -> None:
    session = watched.session()
    try:
        first, second = watched.stalled(session), watched.stalled(session)
        assert len(watched.backends()) == 3  # two scans and who holds their snapshot
        first.close()
        assert watched.wait(lambda events: len(events) == 2, seconds=1)
        assert sum(batch.num_rows for batch in second) > 90_000
    finally:
        session.close()
    assert watched.wait(is_gone, seconds=1)


def test_the_deadline_ends_a_stalled_backend_though_nobody_asks_for_a_row(watched: Watched) -> None:
    session = watched.session(seconds=1.5)
    try:
        stream = watched.stalled(session)
        assert watched.wait(is_gone, seconds=3)
        with pytest.raises(Exhausted) as caught:
            list(stream)
        assert caught.value.code == "exhausted.time"
    finally:
        session.close()


def test_a_backend_that_works_is_ended_within_a_second(watched: Watched, postgres_url: str) -> None:  # noqa: F811
    session, caught = watched.session(), list[GatewayError]()

    def drain() -> None:
        try:
            list(session.scan(scan()))
        except GatewayError as error:
            caught.append(error)

    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=drain)
        thread.start()
        assert watched.wait(lambda events: "relation" in events, seconds=10)
        began = time.monotonic()
        session.close()
        assert watched.wait(is_gone, seconds=1 - (time.monotonic() - began))
        thread.join(10)
    assert [error.code for error in caught] == ["unavailable.closed"]


def test_a_session_that_was_closed_opens_nothing(watched: Watched) -> None:
    session = watched.session()
    early = session.scan(scan())
    session.close()
    session.close()
    for stream in (early, session.scan(scan())):
        with pytest.raises(Unavailable):
            next(iter(stream))
    assert watched.backends() == []


def test_a_finished_stream_leaves_no_backend_but_the_snapshots(watched: Watched) -> None:
    session = watched.session()
    try:
        assert sum(batch.num_rows for batch in session.scan(scan())) == 100_000
        assert watched.wait(lambda events: len(events) == 1, seconds=1)
    finally:
        session.close()
    assert watched.wait(is_gone, seconds=1)
