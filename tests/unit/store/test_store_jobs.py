"""Jobs and versions: claims, fences, leases, and publication exactly once, on both databases."""

from __future__ import annotations

import dataclasses
import datetime
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.errors import Denied, Integrity, Unavailable
from gateway.store import Bundles, Grants, Jobs, Leases, Tokens, Versions
from gateway.store.extracts.tables import dataset_version, extract_job
from gateway.terms.audit import ColumnAccess, Conditions
from gateway.terms.document import PolicyFiles
from gateway.terms.extract import DatasetVersion, ExtractSpec, Job
from gateway.terms.identity import JobTicket, StoredToken
from gateway.terms.policy import Grant, Level, RuleRef

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
LATER = NOW + datetime.timedelta(days=30)
SPEC = ExtractSpec(
    name="loan-default",
    sql="SELECT 'ZQX'",
    purpose="credit-default-model",
    environment="dev",
    subject="customer_id",
    max_age=datetime.timedelta(days=7),
    retention_days=90,
)


def job(number: int = 0, **changes: Any) -> Job:
    given = {
        "id": f"j-{number:016x}",
        "spec": SPEC,
        "requester": "ana",
        "environment": "dev",
        "credential_id": "token",
        "cause": "request",
        "proposal": None,
        "created": NOW + datetime.timedelta(seconds=number),
    }
    return Job(**{**given, **changes})


def ticket(claimed: Job | None) -> JobTicket:
    assert claimed is not None
    return JobTicket(job=claimed.id, epoch=claimed.epoch)


def sealed(claimed: Job, number: int, **changes: Any) -> DatasetVersion:
    given = {
        "name": claimed.spec.name,
        "number": number,
        "job": claimed.id,
        "folder": f"{claimed.spec.name}/{claimed.id}-{claimed.epoch}",
        "manifest": b"{}",
        "signature": "note",
        "requester": claimed.requester,
        "environment": "dev",
        "purpose": SPEC.purpose,
        "project": "credit-risk",
        "digest": "d",
        "columns": (ColumnAccess(dataset="core.loans", column="amount", level="full", grant="g"),),
        "rows": 7,
        "bytes": 70,
        "created": NOW,
        "expires": LATER,
        "watermark": NOW,
        "nonce": "00" * 32,
    }
    return DatasetVersion(**{**given, **changes})


@pytest.fixture
def jobs(engine: sa.Engine) -> Jobs:
    return Jobs(engine)


@pytest.fixture
def versions(engine: sa.Engine) -> Versions:
    return Versions(engine)


@pytest.fixture
def conditions(engine: sa.Engine) -> Conditions:
    """Some that hold."""
    files = PolicyFiles({"roles.yaml": "{}"})
    Bundles(engine).activate(files, by="operator:x", now=NOW)
    Tokens(engine).add(
        StoredToken(
            id="token",
            secret_sha256=bytes(32),
            principal="ana",
            roles=frozenset({"r"}),
            environment="dev",
            created=NOW,
            expires=LATER,
        )
    )
    instance = Leases(engine).begin(ttl_seconds=600)
    return Conditions(digest=files.digest, dynamic_grants=(), credential_id="token", instance=instance)


def test_a_job_comes_back_as_it_was_stored(jobs: Jobs) -> None:
    stored = job(proposal="p-1", state="waiting")
    jobs.add(stored)
    assert jobs.find(stored.id) == stored
    assert jobs.find("j-unknown") is None


def test_an_id_is_taken_once(jobs: Jobs) -> None:
    jobs.add(job())
    with pytest.raises(Integrity):
        jobs.add(job())


def test_a_job_that_cannot_be_read_is_not_run(jobs: Jobs, engine: sa.Engine) -> None:
    jobs.add(job())
    with engine.begin() as connection:
        connection.execute(extract_job.update().values(spec={"name": "x"}))
    with pytest.raises(Integrity):
        jobs.claim(lease_seconds=60)


def test_lists_are_newest_first_and_filtered(jobs: Jobs) -> None:
    for number, who in enumerate(["ana", "bob", "ana"]):
        jobs.add(job(number, requester=who))
    assert [found.id for found in jobs.listed(requester="ana")] == [job(2).id, job(0).id]
    jobs.claim(lease_seconds=60)
    assert [found.id for found in jobs.listed(state="running")] == [job(0).id]


def test_the_oldest_queued_job_is_claimed_and_nobody_gets_it_again(jobs: Jobs) -> None:
    jobs.add(job(1))
    jobs.add(job(0))
    jobs.add(job(2, state="waiting"))
    first, second = jobs.claim(lease_seconds=60), jobs.claim(lease_seconds=60)
    assert first is not None
    assert (first.id, first.epoch, first.state) == (job(0).id, 1, "running")
    assert ticket(second).job == job(1).id
    assert jobs.claim(lease_seconds=60) is None


def test_many_claimers_share_the_jobs_without_overlap(jobs: Jobs) -> None:
    for number in range(24):
        jobs.add(job(number))

    def take(_: int) -> list[str]:
        mine = []
        while claimed := jobs.claim(lease_seconds=60):
            mine.append(claimed.id)
        return mine

    with ThreadPoolExecutor(4) as threads:
        taken = [one for mine in threads.map(take, range(4)) for one in mine]
    assert sorted(taken) == [job(number).id for number in range(24)]


def test_a_claim_whose_lease_ran_out_is_taken_over_and_its_holder_can_do_nothing(
    jobs: Jobs, versions: Versions, conditions: Conditions
) -> None:
    jobs.add(job())
    old = jobs.claim(lease_seconds=0)
    time.sleep(0.01)
    new = jobs.claim(lease_seconds=60)
    assert old is not None
    assert new is not None
    assert (old.id, old.epoch + 1) == (new.id, new.epoch)
    stale = ticket(old)
    assert not jobs.is_claimed(stale)
    assert jobs.is_claimed(ticket(new))
    assert not jobs.renew(stale, lease_seconds=60, rows=1)
    assert not jobs.end(stale, state="failed", code="x", message="", receipt="")
    assert not jobs.retry(stale, delay_seconds=0, code="x", message="", receipt="")
    with pytest.raises(Unavailable) as lost:
        versions.publish(stale, name=SPEC.name, receipt="r_1", conditions=conditions, seal=lambda n: sealed(old, n))
    assert lost.value.code == "unavailable.claim"
    assert versions.listed() == []


@pytest.mark.parametrize("how", ["end", "retry"])
def test_a_job_that_ended_badly_does_not_tell_how_far_it_came(jobs: Jobs, how: str) -> None:
    jobs.add(job())
    taken = jobs.claim(lease_seconds=60)
    assert taken is not None
    assert jobs.renew(ticket(taken), lease_seconds=60, rows=300_000)
    if how == "end":
        assert jobs.end(ticket(taken), state="failed", code="x", message="", receipt="")
    else:
        assert jobs.retry(ticket(taken), delay_seconds=60, code="x", message="", receipt="")
    assert jobs.listed()[0].rows == 0


def test_a_lease_that_ran_out_publishes_nothing_although_nobody_took_it_over(
    jobs: Jobs, versions: Versions, conditions: Conditions
) -> None:
    jobs.add(job())
    claimed = jobs.claim(lease_seconds=0)
    assert claimed is not None
    time.sleep(0.01)
    assert not jobs.is_claimed(ticket(claimed))
    with pytest.raises(Unavailable):
        versions.publish(
            ticket(claimed), name=SPEC.name, receipt="r_1", conditions=conditions, seal=lambda n: sealed(claimed, n)
        )


def test_renewal_moves_the_lease_and_shows_progress(jobs: Jobs) -> None:
    jobs.add(job())
    claimed = ticket(jobs.claim(lease_seconds=0))
    assert jobs.renew(claimed, lease_seconds=60, rows=500)
    assert jobs.is_claimed(claimed)
    found = jobs.find(claimed.job)
    assert found is not None
    assert found.rows == 500


def test_a_retried_job_waits_its_while(jobs: Jobs) -> None:
    jobs.add(job())
    claimed = ticket(jobs.claim(lease_seconds=60))
    assert jobs.retry(claimed, delay_seconds=60, code="unavailable.source", message="m", receipt="r")
    assert jobs.claim(lease_seconds=60) is None
    jobs.add(job(1))
    other = ticket(jobs.claim(lease_seconds=60))
    assert jobs.retry(other, delay_seconds=0, code="unavailable.source", message="m", receipt="r")
    again = jobs.claim(lease_seconds=60)
    assert again is not None
    assert (again.id, again.epoch) == (other.job, 2)


def test_a_waiting_job_is_released_or_refused_once(jobs: Jobs) -> None:
    for number in range(2):
        jobs.add(job(number, state="waiting"))
    assert jobs.release(job(0).id)
    assert not jobs.release(job(0).id)
    assert jobs.refuse(job(1).id, code="denied.approval", message="m")
    assert not jobs.release(job(1).id)
    refused = jobs.find(job(1).id)
    assert refused is not None
    assert (refused.state, refused.code) == ("failed", "denied.approval")
    assert ticket(jobs.claim(lease_seconds=60)).job == job(0).id


def test_a_cancelled_job_stops_its_worker_and_never_publishes(
    jobs: Jobs, versions: Versions, conditions: Conditions
) -> None:
    jobs.add(job())
    claimed = jobs.claim(lease_seconds=60)
    assert claimed is not None
    assert jobs.cancel(claimed.id)
    assert not jobs.cancel(claimed.id)
    assert not jobs.renew(ticket(claimed), lease_seconds=60, rows=1)
    with pytest.raises(Unavailable):
        versions.publish(
            ticket(claimed), name=SPEC.name, receipt="r_1", conditions=conditions, seal=lambda n: sealed(claimed, n)
        )


def publish(jobs: Jobs, versions: Versions, conditions: Conditions, **changes: Any) -> DatasetVersion:
    claimed = jobs.claim(lease_seconds=60)
    assert claimed is not None
    return versions.publish(
        ticket(claimed),
        name=claimed.spec.name,
        receipt="r_1",
        conditions=conditions,
        seal=lambda n: sealed(claimed, n, **changes),
    )


def test_publication_ends_the_job_and_numbers_have_no_gaps(
    jobs: Jobs, versions: Versions, conditions: Conditions
) -> None:
    for number in range(3):
        jobs.add(job(number))
    first = publish(jobs, versions, conditions)
    failing = jobs.claim(lease_seconds=60)
    assert failing is not None

    def fails(number: int) -> DatasetVersion:
        raise Unavailable("the disk is full", code="disk")

    with pytest.raises(Unavailable):
        versions.publish(ticket(failing), name=SPEC.name, receipt="r_1", conditions=conditions, seal=fails)
    second = publish(jobs, versions, conditions)
    assert [first.number, second.number] == [1, 2]
    assert [version.id for version in versions.listed()] == ["loan-default@2", "loan-default@1"]
    assert versions.find("loan-default", 1) == first == versions.of_job(first.job)
    ended = jobs.find(first.job)
    assert ended is not None
    assert (ended.state, ended.version, ended.rows, ended.receipt) == ("published", 1, 7, "r_1")
    assert ended.ended is not None


def test_publishers_of_one_name_at_once_get_numbers_in_a_row(
    jobs: Jobs, versions: Versions, conditions: Conditions
) -> None:
    for number in range(8):
        jobs.add(job(number))
    with ThreadPoolExecutor(4) as threads:
        numbers = [v.number for v in threads.map(lambda _: publish(jobs, versions, conditions), range(8))]
    assert sorted(numbers) == list(range(1, 9))


def test_a_job_becomes_one_version_at_most(
    jobs: Jobs, versions: Versions, conditions: Conditions, engine: sa.Engine
) -> None:
    jobs.add(job())
    version = publish(jobs, versions, conditions)
    with engine.begin() as connection:
        connection.execute(extract_job.update().values(state="queued"))  # as a hand in the database might
    with pytest.raises(Integrity):
        publish(jobs, versions, conditions)
    assert versions.listed() == [version]


def grant() -> Grant:
    return Grant(
        id="g-1",
        effect="allow",
        role="r",
        environment="dev",
        datasets=frozenset({"core.loans"}),
        purposes=frozenset({"*"}),
        level=Level.FULL,
        columns={},
        denied_columns=frozenset(),
        at_most=None,
        rows=None,
        rows_follow=frozenset(),
        expires=LATER,
        rule=RuleRef(file="dynamic", line=1, id="g-1"),
        dynamic=True,
    )


BREAKS = {
    "digest": lambda engine: Bundles(engine).activate(PolicyFiles({"a": "b"}), by="x", now=NOW),
    "grant": lambda engine: Grants(engine).revoke("g-1", by="x", now=NOW),
    "credential": lambda engine: Tokens(engine).revoke("token", now=NOW),
}


@pytest.mark.parametrize("condition", [*BREAKS, "lease"])
def test_what_broke_since_the_rows_were_read_stops_publication(
    jobs: Jobs, versions: Versions, conditions: Conditions, engine: sa.Engine, condition: str
) -> None:
    Grants(engine).add(grant(), by="x", now=NOW)
    held = dataclasses.replace(conditions, dynamic_grants=("g-1",))
    jobs.add(job())
    if condition == "lease":
        Leases(engine).end(held.instance)
    else:
        BREAKS[condition](engine)
    with pytest.raises(Denied) as stale:
        publish(jobs, versions, held)
    assert stale.value.code == "denied.stale"
    assert condition in stale.value.message
    assert versions.listed() == []
    assert jobs.listed()[0].state == "running"


def test_a_revocation_during_sealing_is_seen(
    jobs: Jobs, versions: Versions, conditions: Conditions, engine: sa.Engine
) -> None:
    jobs.add(job())
    claimed = jobs.claim(lease_seconds=60)
    assert claimed is not None
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer: a revocation comes before or after")
    revoking = threading.Thread(target=lambda: Tokens(engine).revoke("token", now=NOW))

    def seal(number: int) -> DatasetVersion:
        revoking.start()
        revoking.join()
        return sealed(claimed, number)

    with pytest.raises(Denied):
        versions.publish(ticket(claimed), name=SPEC.name, receipt="r_1", conditions=conditions, seal=seal)


def test_what_was_not_announced_is_found_until_it_is(jobs: Jobs, versions: Versions, conditions: Conditions) -> None:
    jobs.add(job())
    version = publish(jobs, versions, conditions)
    assert versions.unannounced() == [version]
    versions.announced(version.name, version.number)
    assert versions.unannounced() == []


def test_expired_versions_are_found_until_their_files_are_gone(
    jobs: Jobs, versions: Versions, conditions: Conditions, engine: sa.Engine
) -> None:
    for number in range(2):
        jobs.add(job(number))
    publish(jobs, versions, conditions)
    over = publish(jobs, versions, conditions, expires=NOW - datetime.timedelta(days=1))
    assert versions.expired() == [over]
    versions.cleared(over.name, over.number)
    assert versions.expired() == []
    assert versions.find(over.name, over.number) == over
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(dataset_version)) == 2
