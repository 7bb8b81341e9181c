"""Extracts over the small bank: from the order to the files, and everything that stops one on the way."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import errno
import hashlib
import hmac
import stat
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow.parquet as pq
import pytest

from etl.extracts import Worker
from etl.extracts.worker import MAX_ATTEMPTS
from etl.manifest import verify
from gateway import store
from gateway.errors import Denied, Invalid, Unauthenticated, Unavailable, Unsupported
from gateway.identity import ApiTokens
from gateway.terms.extract import Job
from gateway.terms.identity import Credentials, JobTicket
from tests import bank
from tests.house import House, open_house
from tests.unit.etl.factory import ROWS, SQL, Factory, extra_grant, factory, in_thread, manifest, spec
from tests.unit.http.door import entries, wait_for


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("extracts")
    source = bank.write(bank.first_world(), root / "core.db")
    with open_house(root, bank=source, requests_per_minute=100_000) as house:
        yield house


@pytest.fixture(scope="module")
def works(house: House) -> Factory:
    return factory(house)


@pytest.fixture(scope="module")
def ana(house: House) -> str:
    return house.token("ana", bank.ANA[0])


@pytest.fixture(autouse=True)
def nothing_is_left_in_the_queue(works: Factory) -> Iterator[None]:
    yield
    for state in ("waiting", "queued", "running"):
        for job in works.stock.queue.listed(state=state):
            works.stock.queue.cancel(job.id)


def test_a_published_version_verifies_and_holds_what_the_query_releases(works: Factory, ana: str) -> None:
    version = works.made(ana, name="first")
    found = verify(works.folder(version), verifier_key=works.shop.signer.verifier_key)
    assert found.ok, found.findings
    assert (version.number, version.rows, found.rows) == (1, ROWS, ROWS)
    told = manifest(version)
    (file,) = told["files"]
    table = pq.read_table(works.folder(version) / file["path"])
    assert table.column_names == ["customer_id", "region", "income"]
    assert set(table["region"].to_pylist()) == set(bank.VISIBLE)


def test_the_manifest_says_what_was_decided(works: Factory, ana: str) -> None:
    version = works.made(ana, name="told", max_age=datetime.timedelta(days=7), retention_days=30)
    told = manifest(version)
    by_name = {column["name"]: column for column in told["columns"]}
    assert by_name["customer_id"] == {
        "name": "customer_id",
        "type": "string",
        "level": "pseudonymized",
        "mask": "pseudonym",
        "leaks": by_name["customer_id"]["leaks"],
        "domain": "customer",
        "sources": [["core.customers", "customer_id"]],
    }
    assert (by_name["income"]["level"], by_name["income"]["mask"]) == ("full", "keep")
    assert (told["name"], told["version"], told["purpose"], told["project"]) == ("told", 1, bank.ANA[1], "credit-risk")
    assert (told["environment"], told["grants"], told["subject"]) == ("dev", ["credit-risk-dev"], "customer_id")
    assert told["key_epochs"] == {"credit-risk": 1}
    assert told["policy_digest"] == works.house.gateway.control.policy.current().pdp.digest
    assert told["parent"] is None
    assert told["risk"] is None
    assert told["snapshot"]["consistency"] == "single-scan"
    assert [source["dataset"] for source in told["snapshot"]["sources"]] == ["core.customers"]
    assert version.watermark is not None
    assert told["snapshot"]["sources"][0]["watermark"] == version.watermark.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert version.expires - version.created == datetime.timedelta(days=30)


def test_the_next_version_names_its_parent(works: Factory, ana: str) -> None:
    first, second = (works.made(ana, name="series") for _ in range(2))
    assert (first.number, second.number) == (1, 2)
    assert manifest(second)["parent"] == "series@1"


def test_nothing_of_an_extract_is_readable_by_others(works: Factory, ana: str) -> None:
    version = works.made(ana, name="private")
    folder = works.folder(version)
    for path in (folder, folder.parent, folder.parent.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    link = folder.parent / "1"
    assert link.is_symlink()
    assert link.resolve() == folder.resolve()


def test_an_extract_is_one_access_with_outcome_and_three_events(works: Factory, ana: str) -> None:
    version = works.made(ana, name="logged", sql=f"{SQL} WHERE region <> 'ZQX-LITERAL'")
    job = works.stock.queue.find(version.job)
    assert job is not None
    (access,) = entries(works.house, receipt=job.receipt, kind="access")
    assert (access.result, access.payload["actor"]["door"]) == ("ok", "job")
    assert access.outcome["rows"] == ROWS
    assert manifest(version)["audit"]["access_index"] == access.index
    told = [entry.payload for entry in entries(works.house, kind="event") if "logged" in str(entry.payload)]
    assert [payload["action"] for payload in told] == ["extract-submit", "extract-publish"]
    assert told[1]["detail"] == {
        "version": "logged@1",
        "job": job.id,
        "receipt": job.receipt,
        "manifest_sha256": hashlib.sha256(version.manifest).hexdigest(),
    }
    assert "ZQX-LITERAL" not in str([entry.payload for entry in entries(works.house)])


def test_only_the_requester_can_connect_the_manifest_with_sql(works: Factory, ana: str) -> None:
    version = works.made(ana, name="nonce")
    job, told = works.desk.job(credentials(ana), version.job)
    assert told == version
    expected = hmac.digest(bytes.fromhex(told.nonce), job.spec.sql.encode(), "sha256").hex()
    assert manifest(version)["sql_hmac"] == expected
    assert told.nonce not in version.manifest.decode() + version.signature
    assert told.nonce not in str([entry.payload for entry in entries(works.house)])
    (access,) = entries(works.house, receipt=job.receipt, kind="access")
    assert access.payload["sql_hmac"] == expected


def test_the_signature_is_over_the_manifests_hash(works: Factory, ana: str) -> None:
    version = works.made(ana, name="signed")
    digest = base64.b64encode(hashlib.sha256(version.manifest).digest()).decode()
    assert version.signature.startswith(f"gateway-dataset/1\nsigned@1\n{digest}\n\n— ")


def test_released_values_only(works: Factory, ana: str) -> None:
    sql = "SELECT * FROM core.customers"
    version = works.made(ana, name="canaries", sql=sql)
    content = b"".join(path.read_bytes() for path in works.folder(version).iterdir())
    table = pq.read_table(works.folder(version) / "bucket-00.parquet")
    seen = {str(value).upper() for column in table.columns for value in column.to_pylist()}
    hidden = {canary.upper() for canary in bank.canaries(bank.first_world())}
    assert not seen & hidden
    assert b"ZQX-NAME" not in content


def credentials(token: str) -> Credentials:
    return Credentials(bearer=token)


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


class Stub:
    """A source that calls `act` before its rows; the real one otherwise."""

    def __init__(self, real: Any, act: Callable[[], None]) -> None:
        self._real, self._act = real, act

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def session(self, **given: Any) -> Any:
        self._act()
        return self._real.session(**given)


@contextlib.contextmanager
def before_rows(house: House, act: Callable[[], None]) -> Iterator[None]:
    """Do something between the access entry and the first row."""
    sources = house.gateway.enforcement._rooms.sources
    real = sources["core"]
    sources["core"] = Stub(real, act)
    try:
        yield
    finally:
        sources["core"] = real


def test_a_token_revoked_while_rows_are_read_publishes_nothing(works: Factory, house: House) -> None:
    token = house.token("mid", bank.ANA[0])
    job = works.order(token, name="midway")

    def revoke() -> None:
        house.gateway.control.tokens.revoke(token.split("_")[1], now=house.now())

    with before_rows(house, revoke):
        works.worker.run_once()
    ended = works.job(job)
    assert (ended.state, ended.code) == ("failed", "denied.stale")
    assert not works.stock.versions.listed(name="midway")
    assert not list((house.settings.home / "extracts" / "midway").iterdir())


def test_a_grant_revoked_while_rows_are_read_publishes_nothing(works: Factory, ana: str, house: House) -> None:
    grants = store.Grants(house.gateway.control.engine)
    grants.add(extra_grant(house), by="test", now=house.now())
    sql = "SELECT customer_id, amount FROM core.transactions"
    job = works.order(ana, name="revoked", sql=sql, purpose="churn-model", grant="g-extra")
    with before_rows(house, lambda: grants.revoke("g-extra", by="test", now=house.now()) and None):
        works.worker.run_once()
    assert (works.job(job).state, works.job(job).code) == ("failed", "denied.stale")
    assert not works.stock.versions.listed(name="revoked")


def test_a_source_that_does_not_answer_is_tried_again(works: Factory, ana: str, house: House) -> None:
    job = works.order(ana, name="shaky")

    def fail() -> None:
        raise Unavailable("the source does not answer", code="source")

    with before_rows(house, fail):
        works.worker.run_once()
        assert works.job(job).state == "queued"
        assert works.job(job).code == "unavailable.source"
    works.worker.run_once()
    ended = works.job(job)
    assert (ended.state, ended.epoch, ended.code) == ("published", 2, "")


def test_a_source_that_never_answers_fails_the_job_after_three_attempts(works: Factory, ana: str, house: House) -> None:
    job = works.order(ana, name="dead")

    def fail() -> None:
        raise Unavailable("the source does not answer", code="source")

    with before_rows(house, fail):
        while works.worker.run_once():
            pass
    ended = works.job(job)
    assert (ended.state, ended.epoch, ended.code) == ("failed", 3, "unavailable.source")
    (told,) = entries(house, kind="event", action="extract-fail")[-1:]
    assert told.payload["detail"]["code"] == "unavailable.source"


def test_an_unforeseen_error_fails_the_job_and_tells_no_text(works: Factory, ana: str, house: House) -> None:
    job = works.order(ana, name="bug")

    def fail() -> None:
        raise RuntimeError("ZQX-SECRET-VALUE")

    with before_rows(house, fail):
        works.worker.run_once()
    ended = works.job(job)
    assert (ended.state, ended.code) == ("failed", "integrity.internal")
    assert "ZQX" not in ended.message


def test_cancelling_ends_a_running_attempt(works: Factory, ana: str, house: House) -> None:
    job = works.order(ana, name="cancelled")
    with before_rows(house, lambda: works.stock.queue.cancel(job.id) and None):
        works.worker.run_once()
    assert works.job(job).state == "cancelled"
    assert not works.stock.versions.listed(name="cancelled")
    assert not list((house.settings.home / "extracts" / "cancelled").iterdir())


def test_cancelling_ends_a_read_that_hangs(house: House, works: Factory, ana: str) -> None:
    quick = factory(house, lease_seconds=1.0)
    job = works.order(ana, name="hanging")
    hanging, over = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        over.wait(20)

    with before_rows(house, hang):
        thread = in_thread(quick.worker, threading.Event())
        assert hanging.wait(10)
        works.desk.cancel(credentials(ana), job.id)
        access = entries(house, kind="access", principal="ana")[-1]
        wait_for(lambda: entries(house, receipt=access.payload["receipt"], kind="access")[0].result == "cut")
        over.set()
        thread.join(20)
    assert works.job(job).state == "cancelled"


def test_a_worker_that_is_to_end_gives_its_job_back(house: House, works: Factory, ana: str) -> None:
    job = works.order(ana, name="given-back")
    stop = threading.Event()

    def slow() -> None:
        stop.set()
        time.sleep(3)

    with before_rows(house, slow):
        works.worker.run_once(stop)
    given = works.job(job)
    assert (given.state, given.code) == ("queued", "unavailable.stopping")
    works.worker.run_once()
    assert works.job(job).state == "published"


def test_a_lost_claim_publishes_nothing_and_harms_nobody(house: House, works: Factory, ana: str) -> None:
    job = works.order(ana, name="lost")
    other = []

    def take_over() -> None:
        if not other:
            with house.gateway.control.engine.begin() as connection:
                connection.exec_driver_sql(f"UPDATE extract_job SET lease_until = 0 WHERE id = '{job.id}'")
            other.append(works.stock.queue.claim(lease_seconds=60))

    with before_rows(house, take_over):
        works.worker.run_once()
    assert (works.job(job).state, works.job(job).epoch) == ("running", 2)
    assert not works.stock.versions.listed(name="lost")
    assert not list((house.settings.home / "extracts" / "lost").iterdir())


def test_no_room_on_disk_leaves_nothing(works: Factory, ana: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job = works.order(ana, name="full")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/path")

    monkeypatch.setattr("etl.extracts.folders.os.fsync", full)
    works.worker.run_once()
    monkeypatch.undo()
    given = works.job(job)
    assert (given.state, given.code) == ("queued", "unavailable.disk")
    assert "secret" not in given.message
    assert not works.stock.versions.listed(name="full")
    assert not list((works.house.settings.home / "extracts" / "full").iterdir())
    works.worker.run_once()
    assert works.job(job).state == "published"


def test_folders_that_nothing_names_are_swept_and_others_stay(works: Factory, ana: str) -> None:
    version = works.made(ana, name="swept")
    running = works.order(ana, name="swept")
    claimed = works.stock.queue.claim(lease_seconds=60)
    assert claimed is not None
    mine = works.stock.folders.begin(claimed)
    parent = mine.parent
    abandoned = [parent / f"{version.job}-7", parent / "j-00000000000000ff-1", parent / f"{running.id}-9"]
    for folder in abandoned:
        folder.mkdir()
        (folder / "bucket-00.parquet").write_bytes(b"x")
    stranger = parent / "notes"
    stranger.mkdir()
    works.worker._tidying.sweep()
    assert not [folder for folder in abandoned if folder.exists()]
    assert mine.exists()
    assert stranger.exists()
    assert verify(works.folder(version), verifier_key=works.shop.signer.verifier_key).ok
    works.stock.queue.cancel(running.id)
    works.worker._tidying.sweep()
    assert not mine.exists()


def test_a_version_whose_worker_died_before_telling_is_announced(house: House, ana: str) -> None:
    mine = factory(house, lease_seconds=60.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mine.worker._tidying, "announce", lambda _: None)  # dies right after the commit
        version = mine.made(ana, name="quiet")
    mine.worker._tidying.announce_left_over()
    assert not published(house, "quiet@1")  # its worker may still be about to
    with house.gateway.control.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE dataset_version SET created = created - 61000000 WHERE name = 'quiet'")
    for _ in range(2):
        mine.worker._tidying.announce_left_over()
    assert len(published(house, "quiet@1")) == 1
    assert (mine.folder(version).parent / "1").is_symlink()


def published(house: House, version: str) -> list[Any]:
    told = entries(house, kind="event", action="extract-publish")
    return [entry for entry in told if entry.payload["detail"]["version"] == version]


def test_an_expired_versions_files_go_and_its_manifest_stays(works: Factory, ana: str, house: House) -> None:
    version = works.made(ana, name="over")
    with house.gateway.control.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE dataset_version SET expires = 1000000 WHERE name = 'over'")
    works.worker._tidying.expire()
    assert sorted(path.name for path in works.folder(version).iterdir()) == ["manifest.json", "manifest.sig"]
    works.worker._tidying.sweep()
    assert works.folder(version).exists()
    assert entries(house, kind="event", action="extract-expire")[-1].payload["detail"] == {"version": "over@1"}
    works.worker._tidying.expire()
    assert len(entries(house, kind="event", action="extract-expire")) == 1


def test_a_worker_follows_its_queue_until_it_is_stopped(works: Factory, ana: str) -> None:
    job = works.order(ana, name="loop")
    stop = threading.Event()
    worker = Worker(works.shop, poll_seconds=0.05, tidy_seconds=0.05)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    wait_for(lambda: works.job(job).state == "published")
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_job_that_ends_every_worker_is_given_up(works: Factory, ana: str, house: House) -> None:
    job = works.order(ana, name="deadly")
    with house.gateway.control.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE extract_job SET epoch = {MAX_ATTEMPTS} WHERE id = '{job.id}'")
    works.worker.run_once()
    assert (works.job(job).state, works.job(job).code) == ("failed", "exhausted.attempts")
