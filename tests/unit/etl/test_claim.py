"""A claim is renewed while its attempt works, survives a database that is away for a moment, ends with its lease."""

from __future__ import annotations

import contextlib
import datetime
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.extracts.claim import Claim
from gateway.errors import Unavailable
from gateway.store import Jobs, open_database, upgrade
from gateway.terms.extract import Job
from gateway.terms.identity import JobTicket
from tests.unit.etl.factory import spec
from tests.unit.http.door import wait_for

LEASE = 1.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "control.db"


@pytest.fixture
def jobs(file: Path) -> Iterator[Jobs]:
    engine = open_database(f"sqlite:///{file}", lock_seconds=0.05)
    upgrade(engine)
    yield Jobs(engine)
    engine.dispose()


@pytest.fixture
def ticket(jobs: Jobs) -> JobTicket:
    job = Job(
        id="j-0000000000000001",
        spec=spec(),
        requester="ana",
        environment="dev",
        credential_id="token",
        cause="request",
        proposal=None,
        created=datetime.datetime.now(datetime.UTC),
    )
    jobs.add(job)
    claimed = jobs.claim(lease_seconds=LEASE)
    assert claimed is not None
    return JobTicket(job=claimed.id, epoch=claimed.epoch)


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another process holds the database's write lock."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def claim_of(jobs: Jobs, ticket: JobTicket, *, stop: threading.Event | None = None) -> Claim:
    return Claim(jobs, ticket, lease_seconds=LEASE, stop=stop or threading.Event())


def test_a_claim_outlives_its_first_lease_and_shows_progress(jobs: Jobs, ticket: JobTicket) -> None:
    with claim_of(jobs, ticket) as claim:
        claim.rows = 7
        time.sleep(2.5 * LEASE)
        assert jobs.is_claimed(ticket)
        assert jobs.claim(lease_seconds=LEASE) is None
        claim.settle()
    found = jobs.find(ticket.job)
    assert found is not None
    assert found.rows == 7


def test_a_database_that_is_away_for_a_moment_ends_nothing(jobs: Jobs, ticket: JobTicket, file: Path) -> None:
    with claim_of(jobs, ticket) as claim:
        with locked(file):
            time.sleep(LEASE / 2)
        time.sleep(LEASE)
        assert not claim.ending
        claim.settle()


def test_a_database_that_is_away_for_longer_than_the_lease_ends_the_attempt(
    jobs: Jobs, ticket: JobTicket, file: Path
) -> None:
    aborted = threading.Event()
    with claim_of(jobs, ticket) as claim:
        claim.on_ending(aborted.set)
        with locked(file):
            assert aborted.wait(5 * LEASE)
        with pytest.raises(Unavailable) as lost:
            claim.settle()
    assert (claim.ending, lost.value.code) == ("lost", "unavailable.claim")


def test_an_attempt_hears_of_an_ending_that_came_before_it_could(jobs: Jobs, ticket: JobTicket) -> None:
    aborted = threading.Event()
    with claim_of(jobs, ticket) as claim:
        jobs.cancel(ticket.job)
        wait_for(lambda: claim.ending)
        claim.on_ending(aborted.set)
        assert aborted.is_set()


def test_a_stopping_worker_ends_its_attempt_with_its_own_reason(jobs: Jobs, ticket: JobTicket) -> None:
    stop, aborted = threading.Event(), threading.Event()
    with claim_of(jobs, ticket, stop=stop) as claim:
        claim.on_ending(aborted.set)
        stop.set()
        assert aborted.wait(5)
        assert claim.error().code == "unavailable.stopping"


def test_a_claim_that_was_lost_in_the_last_moment_settles_nothing(jobs: Jobs, ticket: JobTicket) -> None:
    with claim_of(jobs, ticket) as claim:
        jobs.cancel(ticket.job)
        with pytest.raises(Unavailable):
            claim.settle()
