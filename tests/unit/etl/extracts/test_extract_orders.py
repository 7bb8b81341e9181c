"""Orders of extracts: what is refused, whose job it is, and by which token it runs."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from gateway.errors import Denied, Invalid, Unauthenticated, Unsupported
from gateway.identity import ApiTokens
from gateway.terms.extract import Job
from gateway.terms.identity import JobTicket
from tests import bank
from tests.house import House
from tests.unit.etl.factory import SQL, Factory, credentials, spec
from tests.unit.http.door import entries


def test_a_denied_extract_is_the_explains_denial_and_logged(works: Factory, ana: str) -> None:
    sql = "SELECT transaction_id, customer_id FROM core.transactions"
    explained = works.house.explain(ana, sql, purpose="churn-model")
    with pytest.raises(Denied) as refused:
        works.order(ana, sql=sql, purpose="churn-model")
    assert explained.decision.missing is not None
    assert (refused.value.code, refused.value.message) == ("denied.grant", explained.decision.missing.lacks)
    assert refused.value.reasons == explained.decision.reasons
    (entry,) = entries(works.house, receipt=refused.value.receipt)
    assert (entry.kind, entry.result) == ("denial", "denied")


REFUSED = {
    "subject": ({"subject": "email"}, "invalid.extract.subject"),
    "retention": ({"retention_days": 366}, "invalid.extract.retention"),
    "environment": ({"environment": "prod"}, "invalid.extract.environment"),
    "columns": ({"sql": "SELECT customer_id, customer_id FROM core.customers"}, "invalid.extract.columns"),
    "unknown": ({"sql": "SELECT customer_id FROM core.nothing"}, "invalid.dataset"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_can_be_known_before_is_refused_before(works: Factory, ana: str, why: str) -> None:
    changes, code = REFUSED[why]
    before = len(works.desk.jobs(credentials(ana)))
    with pytest.raises(Invalid) as refused:
        works.order(ana, **changes)
    assert refused.value.code.startswith(code)
    assert len(works.desk.jobs(credentials(ana))) == before


def test_an_extract_without_rows_fails(works: Factory, ana: str) -> None:
    job = works.order(ana, name="empty", sql=f"{SQL} WHERE region = 'XX'")
    assert works.worker.run_once()
    ended = works.job(job)
    assert (ended.state, ended.code) == ("failed", "invalid.empty")
    assert not list((works.house.settings.home / "extracts" / "empty").iterdir())
    (access,) = entries(works.house, receipt=ended.receipt, kind="access")
    assert (access.result, access.outcome["code"]) == ("failed", "invalid.empty")


def test_a_consistent_snapshot_is_demanded_and_given_or_refused(works: Factory, ana: str) -> None:
    assert works.made(ana, name="consistent", snapshot="consistent").number == 1
    sql = "SELECT c.customer_id FROM core.customers AS c JOIN core.accounts AS a ON a.customer_id = c.customer_id"
    plan = works.house.explain(ana, sql, purpose=bank.ANA[1]).plan
    assert plan is not None
    if plan.snapshot == "per-scan":
        with pytest.raises(Unsupported) as refused:
            works.order(ana, sql=sql, snapshot="consistent")
        assert refused.value.code == "unsupported.snapshot"
    else:
        assert works.made(ana, name="joined", sql=sql, snapshot="consistent").number == 1


def test_an_order_is_the_same_job_under_the_same_key(works: Factory, ana: str, house: House) -> None:
    def order(token: str, key: str, **changes: Any) -> Job:
        return works.desk.submit(credentials(token), spec(name="again", **changes), idempotency_key=key)

    first = order(ana, "k-1")
    assert order(ana, "k-1").id == first.id
    assert order(ana, "k-2").id != first.id
    assert order(house.token("bob", bank.ANA[0]), "k-1").id != first.id
    with pytest.raises(Invalid) as other:
        order(ana, "k-1", retention_days=1)
    assert other.value.code == "invalid.idempotency"


def test_anothers_job_answers_like_an_unknown_one(works: Factory, ana: str, house: House) -> None:
    bob = house.token("bob", bank.ANA[0])
    job = works.order(ana, name="secret")
    for act in (works.desk.job, works.desk.cancel):
        told = []
        for wanted in (job.id, "j-0000000000000000"):
            with pytest.raises(Denied) as refused:
                act(credentials(bob), wanted)
            told.append((refused.value.code, refused.value.message))
        assert told[0] == told[1]
    assert all(found.requester == "bob" for found in works.desk.jobs(credentials(bob)))
    elsewhere = house.token("ana", bank.ANA[0], environment="prod")
    with pytest.raises(Denied):
        works.desk.job(credentials(elsewhere), job.id)
    assert works.desk.cancel(credentials(ana), job.id).state == "cancelled"
    with pytest.raises(Invalid):
        works.desk.cancel(credentials(ana), job.id)


def test_a_job_runs_by_the_token_that_ordered_it(works: Factory, house: House) -> None:
    token = house.token("leaver", bank.ANA[0])
    house.token("leaver", bank.ANA[0])  # another one does not stand in for it
    job = works.order(token, name="left")
    with house.host.token_desk(house.settings) as (desk, actor):
        desk.revoke(actor, token=token)
    works.worker.run_once()
    ended = works.job(job)
    assert (ended.state, ended.code) == ("failed", "unauthenticated.job")
    assert not works.stock.versions.listed(name="left")


def test_the_schedulers_job_runs_by_the_newest_valid_token(works: Factory, house: House) -> None:
    ordered = works.order(house.token("carol", bank.ANA[0]), name="scheduled")
    works.stock.queue.cancel(ordered.id)
    job = dataclasses.replace(ordered, id="j-00000000000000aa", credential_id="", cause="freshness", state="queued")
    works.stock.queue.add(job)
    works.worker.run_once()
    assert works.job(job).state == "published"


def test_a_ticket_is_worth_its_claim_and_nothing_more(works: Factory, ana: str, house: House) -> None:
    job = works.order(ana, name="ticket")
    gate = house.gateway.control.gate
    for ticket in (JobTicket(job=job.id, epoch=0), JobTicket(job=job.id, epoch=1), JobTicket(job="j-x", epoch=1)):
        with pytest.raises(Unauthenticated):
            gate.enter(ticket, now=house.now())
    claimed = works.stock.queue.claim(lease_seconds=60)
    assert claimed is not None
    assert gate.enter(JobTicket(job=job.id, epoch=1), now=house.now()).id == "ana"
    works.stock.queue.cancel(job.id)
    with pytest.raises(Unauthenticated):
        gate.enter(JobTicket(job=job.id, epoch=1), now=house.now())


def test_a_ticket_is_no_bearer_token_and_a_tickets_fields_open_nothing(works: Factory, house: House) -> None:
    tokens = ApiTokens(house.gateway.control.tokens)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(JobTicket(job="j-x", epoch=1), now=house.now())
