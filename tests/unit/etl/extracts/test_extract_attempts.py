"""Attempts that end badly, or never; what is swept, told and given up afterwards."""

from __future__ import annotations

import contextlib
import errno
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from etl.extracts import Worker
from etl.extracts.worker import MAX_ATTEMPTS
from etl.manifest import verify
from gateway import store
from gateway.errors import Unavailable
from tests import bank
from tests.house import House
from tests.unit.etl.factory import Factory, credentials, extra_grant, factory, in_thread
from tests.unit.http.door import entries, wait_for


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
