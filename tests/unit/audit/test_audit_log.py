"""Appending: order, durability, conditions, failure and recovery."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.audit import MerkleLog, open_checkpoint, verify_log
from gateway.audit.note import Verifier
from gateway.errors import GatewayError, Integrity, Invalid, Unavailable
from gateway.store import Bundles, Leases, SqlLogStore, open_database
from gateway.terms.audit import Conditions, EntryFilter
from gateway.terms.document import PolicyFiles
from tests.unit.audit.building import (
    NOW,
    OTHER_SIGNER,
    SIGNER,
    VKEY,
    FixedClock,
    SeededEntropy,
    access,
    denial,
    event,
    fill,
    open_log,
    outcome,
)

APPENDER = Path(__file__).with_name("appender.py")
FILES = PolicyFiles({"roles.yaml": "{}"})


def conditions(**changes: object) -> Conditions:
    fields: dict = {
        "digest": FILES.digest,
        "dynamic_grants": (),
        "credential_id": "operator:test",
        "instance": "i",
    }
    return Conditions(**{**fields, **changes})


def assert_whole(engine: sa.Engine, *, entries: int | None = None) -> None:
    verified = verify_log(SqlLogStore(engine), verifier_key=VKEY)
    assert verified.findings == ()
    if entries is not None:
        assert verified.size == verified.entries == entries


def test_indices_count_from_zero(engine: sa.Engine) -> None:
    log = open_log(engine)
    assert [log.append(access()), log.append(outcome(0)), log.append(denial()), log.append(event())] == [0, 1, 2, 3]
    log.close()
    assert_whole(engine, entries=4)


def test_an_empty_log_is_whole(engine: sa.Engine) -> None:
    open_log(engine).close()
    assert_whole(engine, entries=0)


def test_threads_share_batches_and_get_an_index_each(engine: sa.Engine) -> None:
    log = open_log(engine)
    with ThreadPoolExecutor(32) as threads:
        indices = sorted(threads.map(lambda at: log.append(event(at)), range(400)))
    log.close()
    assert indices == list(range(400))
    assert_whole(engine, entries=400)


def test_a_log_opened_again_goes_on(engine: sa.Engine) -> None:
    for round_ in range(3):
        log = open_log(engine, seed=round_)
        fill(log, 10)
        log.close()
    assert_whole(engine, entries=30)


def test_two_logs_on_one_store_take_turns(engine: sa.Engine) -> None:
    first, second = open_log(engine, seed=1), open_log(engine, seed=2)
    indices = [log.append(event(at)) for at, log in enumerate([first, second, second, first, second, first])]
    first.close()
    second.close()
    assert indices == list(range(6))
    assert_whole(engine, entries=6)


def test_a_closed_log_refuses(engine: sa.Engine) -> None:
    log = open_log(engine)
    log.close()
    log.close()
    with pytest.raises(Unavailable):
        log.append(event())


def test_close_commits_what_waits(engine: sa.Engine) -> None:
    log = open_log(engine)
    results: list[int] = []

    def append(at: int) -> None:
        with contextlib.suppress(Unavailable):  # came after the close
            results.append(log.append(event(at)))

    threads = [threading.Thread(target=append, args=(at,)) for at in range(16)]
    for thread in threads:
        thread.start()
    while not results:
        time.sleep(0.001)
    log.close()
    for thread in threads:
        thread.join()
    assert len(results) == SqlLogStore(engine).checkpoint().size  # what was not refused is in


def test_the_checkpoint_is_signed_and_states_the_size(engine: sa.Engine) -> None:
    log = open_log(engine)
    fill(log, 5)
    log.close()
    newest = SqlLogStore(engine).checkpoint()
    assert open_checkpoint(newest.note, verifier=Verifier.parse(VKEY)).size == newest.size == 5


def test_an_access_whose_condition_broke_is_left_out_and_the_others_commit(engine: sa.Engine) -> None:
    Bundles(engine).activate(FILES, by="operator:test", now=NOW)
    instance = Leases(engine).begin(ttl_seconds=60)
    log = open_log(engine)
    holding = conditions(instance=instance)
    broken = [
        conditions(instance=instance, digest="0" * 64),
        conditions(instance=instance, dynamic_grants=("gone",)),
        conditions(instance=instance, credential_id="0123456789"),
        conditions(instance="never"),
    ]

    def attempt(at: int) -> int | str:
        try:
            return log.append(access(at), conditions=[holding, *broken][at % 5])
        except GatewayError as refused:
            return f"{refused.code}: {(*refused.reasons, refused.message)[0]}"

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(attempt, range(20)))
    log.close()
    assert sorted(a for a in answers if isinstance(a, int)) == [0, 1, 2, 3]
    assert {a for a in answers if isinstance(a, str)} == {
        "denied.stale: another policy bundle was activated",
        "denied.stale: a dynamic grant was revoked or expired",
        "denied.stale: the credential was revoked or expired",
        "unavailable.lease: this gateway process lost its lease",
    }
    assert_whole(engine, entries=4)


def test_abandoned_accesses_become_unknown_and_running_ones_stay_open(engine: sa.Engine) -> None:
    leases = Leases(engine)
    running, ended = leases.begin(ttl_seconds=60), leases.begin(ttl_seconds=60)
    log = open_log(engine)
    log.append(access(0, instance=running))
    log.append(access(1, instance=ended))
    log.append(access(2, instance=ended))
    log.append(outcome(2, receipt="access-2"))
    assert log.settle_abandoned() == 0
    leases.end(ended)
    assert log.settle_abandoned() == 1
    assert log.settle_abandoned() == 0
    log.close()
    found = SqlLogStore(engine).search(EntryFilter(kind="access"))
    assert [entry.result for entry in found] == [None, "unknown", "ok"]
    assert found[1].outcome["receipt"] == "access-1"
    assert_whole(engine, entries=5)


def test_more_abandoned_accesses_than_a_batch_are_all_settled(engine: sa.Engine) -> None:
    log = open_log(engine)
    with ThreadPoolExecutor(64) as threads:
        list(threads.map(lambda at: log.append(access(at)), range(600)))
    assert log.settle_abandoned() == 600
    log.close()
    assert_whole(engine, entries=1200)


def test_an_outcome_after_unknown_is_what_search_shows(engine: sa.Engine) -> None:
    log = open_log(engine)
    log.append(access(0))
    assert log.settle_abandoned() == 1
    log.append(outcome(0, rows=7))
    log.close()
    (found,) = SqlLogStore(engine).search(EntryFilter(kind="access"))
    assert (found.result, found.outcome["rows"]) == ("ok", 7)
    assert_whole(engine, entries=3)


def test_a_read_only_database_is_unavailable_and_recovers(engine: sa.Engine) -> None:
    log = open_log(engine)
    log.append(event(0))
    engine.dispose()

    @sa.event.listens_for(engine, "connect")
    def forbid(connection, _record) -> None:
        connection.execute("PRAGMA query_only = ON")

    with pytest.raises(Unavailable, match="SQLITE_READONLY"):
        log.append(event(1))
    sa.event.remove(engine, "connect", forbid)
    engine.dispose()
    assert log.append(event(2)) == 1
    log.close()
    assert_whole(engine, entries=2)


def test_a_full_disk_is_unavailable_and_recovers(engine: sa.Engine) -> None:
    log = open_log(engine)
    log.append(event(0))
    engine.dispose()

    @sa.event.listens_for(engine, "connect")
    def fill_disk(connection, _record) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(Unavailable, match="SQLITE_FULL"):
        for at in range(200):
            log.append(access(at, shape="x" * 4000))
    sa.event.remove(engine, "connect", fill_disk)
    engine.dispose()
    log.append(event(2))
    log.close()
    assert_whole(engine)


def test_a_signer_that_fails_leaves_nothing_and_later_appends_succeed(engine: sa.Engine) -> None:
    class Flaky:
        name, verifier_key, is_away = "gateway.example/audit", VKEY, False

        def sign(self, text: str) -> str:
            if self.is_away:
                raise Unavailable("the key service does not answer")
            return SIGNER.sign(text)

    signer = Flaky()
    log = open_log(engine, signer=signer)
    log.append(event(0))
    signer.is_away = True
    with pytest.raises(Unavailable):
        log.append(event(1))
    signer.is_away = False
    assert log.append(event(2)) == 1
    log.close()
    assert_whole(engine, entries=2)


def test_an_unforeseen_error_closes_the_log_and_nobody_waits(engine: sa.Engine, monkeypatch: object) -> None:
    class Broken:
        name, verifier_key = "gateway.example/audit", VKEY

        def sign(self, text: str) -> str:
            raise ZeroDivisionError

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    log = open_log(engine, signer=Broken())
    with pytest.raises(Unavailable):
        log.append(event(0))
    with pytest.raises(Unavailable):
        log.append(event(1))
    log.close()
    assert_whole(engine, entries=0)


def test_nothing_is_signed_over_a_log_signed_by_another(engine: sa.Engine) -> None:
    log = open_log(engine)
    log.append(event(0))
    log.close()
    other = open_log(engine, signer=OTHER_SIGNER)
    with pytest.raises(Integrity):
        other.append(event(1))
    other.close()
    assert_whole(engine, entries=1)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE audit_tile SET hashes = zeroblob(32)",
        "DELETE FROM audit_tile",
        "UPDATE audit_head SET size = 0",
        "DELETE FROM audit_head",
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_checkpoint SET note = replace(note, '1', '2')",
    ],
)
def test_nothing_is_signed_over_a_damaged_log(engine: sa.Engine, damage: str) -> None:
    log = open_log(engine)
    log.append(event(0))
    log.close()
    with engine.begin() as connection:
        connection.exec_driver_sql(damage)
    log = open_log(engine)
    with pytest.raises(Integrity):
        log.append(event(1))
    log.close()


def test_a_running_log_notices_that_the_database_was_put_back(engine: sa.Engine, tmp_path: Path) -> None:
    """A backup, restored and appended to by another process up to the same size: no second note for that size."""
    first, second = open_log(engine, seed=1), open_log(engine, seed=2)
    first.append(event(0))
    with engine.begin() as connection:
        for table in ("entry", "payload", "tile", "checkpoint", "search"):
            connection.exec_driver_sql(f"DELETE FROM audit_{table}")
        connection.exec_driver_sql("UPDATE audit_head SET size = 0")
    second.append(event(1))
    first.append(event(2))
    first.close()
    second.close()
    assert_whole(engine, entries=2)


def test_times_need_a_zone(engine: sa.Engine) -> None:
    log = open_log(engine)
    with pytest.raises(Invalid):
        log.append(event(0, time=NOW.replace(tzinfo=None)))
    log.close()


def appenders(url: str, *, processes: int, threads: int, entries: int) -> list[subprocess.Popen[str]]:
    return [
        subprocess.Popen(
            [sys.executable, str(APPENDER), url, str(threads), str(entries), str(seed)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        for seed in range(processes)
    ]


def finish(process: subprocess.Popen[str]) -> list[int]:
    output, error = process.communicate(timeout=120)
    assert not error, error
    return [int(line) for line in output.split()]


@pytest.mark.slow
def test_two_processes_on_one_file_never_fork(engine: sa.Engine) -> None:
    both = appenders(str(engine.url), processes=2, threads=8, entries=200)
    indices = sorted(index for process in both for index in finish(process))
    assert indices == list(range(400))
    assert_whole(engine, entries=400)


@pytest.mark.slow
def test_what_append_returned_from_outlives_kill_9(engine: sa.Engine) -> None:
    for kill in range(5):
        (process,) = appenders(str(engine.url), processes=1, threads=8, entries=1_000_000)
        promised = {int(process.stdout.readline()) for _ in range(20 + 30 * kill)}
        process.kill()
        rest, error = process.communicate()
        assert not error
        promised |= {int(line) for line in rest.split("\n")[:-1]}
        size = SqlLogStore(engine).checkpoint().size
        assert max(promised) < size
        assert_whole(engine, entries=size)


def test_a_log_that_finds_no_lock_is_unavailable(engine: sa.Engine) -> None:
    impatient = open_database(str(engine.url), lock_seconds=0.05)
    log = MerkleLog(
        SqlLogStore(impatient),
        signer=SIGNER,
        clock=FixedClock(),
        entropy=SeededEntropy(),
        has_space=lambda: True,
    )
    with SqlLogStore(engine).writing(), pytest.raises(Unavailable, match="SQLITE_BUSY"):
        log.append(event(0))
    assert log.append(event(1)) == 0
    log.close()
    impatient.dispose()
