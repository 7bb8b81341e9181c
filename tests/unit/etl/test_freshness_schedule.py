"""The scheduler: orders again what a person ordered before, once, and nothing else."""

from __future__ import annotations

import dataclasses
import datetime
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from etl.freshness import Scheduler, Stores
from etl.freshness.schedule import PRINCIPAL
from gateway import store
from gateway.store.extracts.jobs import _to_json
from gateway.store.extracts.tables import extract_job
from gateway.terms.document import PolicyFiles
from gateway.terms.extract import Job
from gateway.terms.identity import JobTicket
from gateway.terms.proposal import Proposal, Verdict
from tests.unit.etl.training import DAY, Training, open_training
from tests.unit.http.door import entries

HOUR = datetime.timedelta(hours=1)
MINUTE = datetime.timedelta(minutes=1)
pytestmark = pytest.mark.slow  # a house for each test: a scheduler's round looks at all models


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Training]:
    """A model whose data, ten days old at most, is as of now."""
    with open_training(tmp_path_factory.mktemp("schedule")) as training:
        training.production_is_as_of(training.house.now())
        training.extract("loan-default")
        training.register("loan-default", "1", "loan-default@1", max_age=10 * DAY)
        yield training


def scheduler(house: Training, **more: Any) -> Scheduler:
    control = house.house.gateway.control
    return Scheduler(
        control.desk,
        stores=Stores(models=control.models, versions=control.versions, queue=control.jobs),
        proposals=control.proposals,
        outbox=store.Outbox(control.engine),
        **more,
    )


def ordered(house: Training) -> list[Job]:
    return [job for job in house.works.stock.queue.listed() if job.cause == "freshness"]


def fail(house: Training, *, code: str = "denied.grant") -> Job:
    claimed = house.works.stock.queue.claim(lease_seconds=60)
    assert claimed is not None
    ticket = JobTicket(job=claimed.id, epoch=claimed.epoch)
    assert house.works.stock.queue.end(ticket, state="failed", code=code, message="", receipt="")
    return claimed


def test_nothing_is_ordered_before_the_last_fifth(house: Training) -> None:
    assert scheduler(house).run_once(house.house.now() + 7.9 * DAY) == 0
    assert ordered(house) == []


def test_a_due_model_gets_the_same_extract_for_the_same_person(house: Training) -> None:
    assert scheduler(house).run_once(house.house.now() + 8.1 * DAY) == 1
    (job,) = ordered(house)
    base = house.works.stock.queue.find(house.works.stock.versions.find("loan-default", 1).job)
    assert job.spec == base.spec
    assert (job.requester, job.environment, job.credential_id, job.state) == ("ana", "dev", "", "queued")
    assert job.proposal is base.proposal is None


def test_an_order_is_in_the_log_before_its_job(house: Training) -> None:
    scheduler(house).run_once(house.house.now() + 8.1 * DAY)
    (entry,) = entries(house.house, action="extract-schedule")
    assert entry.payload["actor"]["principal"] == PRINCIPAL
    assert entry.payload["detail"] == {
        "job": ordered(house)[0].id,
        "dataset": "loan-default",
        "model": "loan-default@1",
        "requester": "ana",
    }


def test_the_job_runs_and_then_nothing_more_is_ordered(house: Training) -> None:
    later = house.house.now() + 8.1 * DAY
    scheduler(house).run_once(later)
    house.production_is_as_of(later)
    while house.works.worker.run_once():
        pass
    assert house.works.job(ordered(house)[0]).state == "published"
    assert house.works.stock.versions.find("loan-default", 2).watermark >= later - MINUTE
    assert scheduler(house).run_once(later + MINUTE) == 0  # the model itself is old until it is trained anew
    assert len(ordered(house)) == 1


def test_two_replicas_order_one_job(house: Training) -> None:
    later = house.house.now() + 8.1 * DAY
    both = threading.Barrier(4)

    def run(_: int) -> int:
        one = scheduler(house)
        both.wait()
        return one.run_once(later)

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(run, range(4))) == 1
    assert len(ordered(house)) == 1


def test_replicas_that_both_saw_no_job_order_one(house: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unique id decides, not the look before it."""
    later = house.house.now() + 8.1 * DAY
    assert scheduler(house).run_once(later) == 1
    queue = house.house.gateway.control.jobs
    first = queue.find
    seen: list[str] = []

    def blind(job: str) -> Job | None:
        seen.append(job)
        return None if seen.count(job) == 1 and job == ordered(house)[0].id else first(job)

    slow = scheduler(house)
    monkeypatch.setattr(queue, "find", blind)
    listed = queue.listed
    monkeypatch.setattr(queue, "listed", lambda **wanted: [j for j in listed(**wanted) if j.cause != "freshness"])
    assert slow.run_once(later) == 0
    monkeypatch.undo()
    assert len(ordered(house)) == 1


def test_while_a_job_of_the_extract_lives_no_other_is_ordered(house: Training) -> None:
    house.works.order(house.tokens["ana"], model="loan-default")
    assert scheduler(house).run_once(house.house.now() + 8.1 * DAY) == 0


def test_failures_are_tried_again_after_doubling_waits(house: Training) -> None:
    house.production_is_as_of(house.house.now() - 30 * DAY)
    house.extract("aged")
    house.register("aged", "1", "aged@1", max_age=10 * DAY)
    assert scheduler(house).run_once(house.house.now()) == 1
    waits = []
    for _ in range(9):
        ended = house.works.job(fail(house)).ended
        waits.append(next(m for m in range(0, 2000, 5) if scheduler(house).run_once(ended + m * MINUTE) == 1))
    assert waits == [15, 30, 60, 120, 240, 480, 960, 1440, 1440]


def test_data_that_is_old_when_it_is_published_is_not_ordered_again_at_once(house: Training) -> None:
    house.production_is_as_of(house.house.now() - 30 * DAY)
    house.extract("aged")
    house.register("aged", "1", "aged@1", max_age=4 * DAY)
    assert scheduler(house).run_once(house.house.now()) == 1
    while house.works.worker.run_once():
        pass
    ended = house.works.job(ordered(house)[0]).ended
    assert scheduler(house).run_once(ended + 19 * HOUR) == 0
    assert scheduler(house).run_once(ended + 20 * HOUR) == 1  # a fifth of four days


def test_a_model_that_names_no_age_or_another_extract_is_left_alone(house: Training) -> None:
    house.extract("plain", model=None)
    house.register("plain", "1", "plain@1", max_age=10 * DAY)
    house.register("timeless", "1", "loan-default@1")
    later = house.house.now() + 20 * DAY
    assert scheduler(house).run_once(later) == 1
    assert [job.spec.name for job in ordered(house)] == ["loan-default"]


def test_only_the_newest_version_of_a_model_counts(house: Training) -> None:
    house.register("loan-default", "2", "loan-default@1", max_age=100 * DAY)
    assert scheduler(house).run_once(house.house.now() + 20 * DAY) == 0


def test_a_stale_model_is_told_once(house: Training) -> None:
    outbox = store.Outbox(house.house.gateway.control.engine)
    one = scheduler(house, webhook_channels=("webhook-1",))
    later = house.house.now() + 8.1 * DAY
    one.run_once(later)
    assert outbox.take("webhook-1", lease_seconds=0) is None
    for hours in (48, 72):
        one.run_once(later + hours * HOUR)
    waiting = outbox.take("webhook-1", lease_seconds=60)
    assert waiting is not None
    told = json.loads(waiting.notice.body)
    assert (told["type"], told["data"]["model"], told["data"]["trained_on"]) == (
        "model.stale",
        "loan-default@1",
        "loan-default@1",
    )
    outbox.done(waiting.sequence)
    assert outbox.take("webhook-1", lease_seconds=60) is None


# Approvals


def approved(house: Training, *, days: float, verdict: bool | None = True) -> str:
    now = house.house.now()
    proposal = Proposal(
        id="p-0123456789abcdef",
        kind="extract",
        document={"job": "j-0123456789abcdef"},
        digest="d",
        proposer="ana",
        proposer_issuer="token",
        environment="dev",
        created=now,
        expires=now + days * DAY,
    )
    proposals = house.house.gateway.control.proposals
    proposals.add(proposal)
    if verdict is not None:
        proposals.decide(
            Verdict(proposal=proposal.id, approved=verdict, by="olga", by_issuer="token", digest="d", at=now)
        )
    return proposal.id


def rest_on(house: Training, proposal: str) -> None:
    """The published job rested on that approval."""
    job = house.works.stock.versions.find("loan-default", 1).job
    with house.house.gateway.control.engine.begin() as connection:
        connection.execute(extract_job.update().where(extract_job.c.id == job).values(proposal=proposal))


@pytest.mark.parametrize(("verdict", "orders"), [(True, 1), (False, 0), (None, 0)])
def test_what_rested_on_an_approval_is_ordered_again_only_while_it_holds(
    house: Training, *, verdict: bool | None, orders: int
) -> None:
    rest_on(house, approved(house, days=30, verdict=verdict))
    assert scheduler(house).run_once(house.house.now() + 8.1 * DAY) == orders
    assert [job.proposal for job in ordered(house)] == ["p-0123456789abcdef"] * orders


@pytest.mark.parametrize("change", [{"subject": "none"}, {"run_as": "service:robot"}])
def test_what_wants_an_approval_and_rests_on_none_is_not_ordered(house: Training, change: dict[str, str]) -> None:
    queue = house.house.gateway.control.jobs
    job = queue.find(house.works.stock.versions.find("loan-default", 1).job)
    spec = _to_json(dataclasses.replace(job.spec, **change))
    with house.house.gateway.control.engine.begin() as connection:
        connection.execute(extract_job.update().where(extract_job.c.id == job.id).values(spec=spec))
    assert scheduler(house).run_once(house.house.now() + 8.1 * DAY) == 0


def test_what_policy_wants_approved_by_now_is_not_ordered(house: Training) -> None:
    control = house.house.gateway.control
    files = dict(control.bundles.active().files)
    line = "credit-default-model: {project: credit-risk,"
    assert line in files["purposes.yaml"]
    files["purposes.yaml"] = files["purposes.yaml"].replace(line, f"{line} extracts: approved,")
    control.bundles.activate(PolicyFiles(files), by="test", now=house.house.now())
    assert scheduler(house).run_once(house.house.now() + 8.1 * DAY) == 0
