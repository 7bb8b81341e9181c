"""What only a server can show: locks between connections, two writing processes, kills, tampering by SQL."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.audit import verify_log
from gateway.errors import Integrity, Unavailable
from gateway.store import SqlLogStore, Tokens, open_database, schema_is_current, upgrade
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.unit.audit.building import VKEY, event, fill, open_log, open_migrated

pytestmark = pytest.mark.postgres
ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(postgres_url: str) -> Iterator[sa.Engine]:  # noqa: F811 - the fixture
    engine = open_migrated(postgres_url)
    yield engine
    engine.dispose()


def appender(url: str, *, entries: int, seed: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "unit" / "audit" / "appender.py"), url, "8", str(entries), str(seed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def assert_whole(engine: sa.Engine) -> int:
    verified = verify_log(SqlLogStore(engine), verifier_key=VKEY)
    assert verified.findings == ()
    return verified.size


def test_two_processes_never_fork(engine: sa.Engine, postgres_url: str) -> None:  # noqa: F811 - the fixture
    both = [appender(postgres_url, entries=200, seed=seed) for seed in range(2)]
    indices = []
    for process in both:
        output, error = process.communicate(timeout=120)
        assert not error, error
        indices += [int(line) for line in output.split()]
    assert sorted(indices) == list(range(400))
    assert assert_whole(engine) == 400


def test_what_append_returned_from_outlives_kill_9(engine: sa.Engine, postgres_url: str) -> None:  # noqa: F811
    for kill in range(3):
        process = appender(postgres_url, entries=1_000_000, seed=kill)
        promised = {int(process.stdout.readline()) for _ in range(20 + 30 * kill)}
        process.kill()
        rest, error = process.communicate()
        assert not error
        promised |= {int(line) for line in rest.split("\n")[:-1]}
        log = open_log(engine, seed=100 + kill)  # waits until the server noticed that the writer is gone
        log.append(event())
        log.close()
        assert max(promised) < assert_whole(engine)


def test_replicas_that_start_together_migrate_once(postgres_url: str) -> None:  # noqa: F811 - the fixture
    engines = [open_database(postgres_url, lock_seconds=10) for _ in range(4)]
    threads = [threading.Thread(target=upgrade, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(schema_is_current(engine) for engine in engines)
    for engine in engines:
        engine.dispose()


def test_a_broken_connection_is_unavailable_once_and_then_replaced(engine: sa.Engine) -> None:
    log = open_log(engine)
    log.append(event(0))
    with pytest.raises(Unavailable), SqlLogStore(engine).writing() as transaction:
        with engine.connect() as other:
            other.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_class ON relation = pg_class.oid"
                " WHERE relname = 'audit_head' AND relnamespace = current_schema()::regnamespace"
                " AND pid <> pg_backend_pid()"
            )
        transaction.open_accesses()
    assert log.append(event(1)) == 1
    log.close()
    assert assert_whole(engine) == 2


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE audit_payload SET payload = payload || ' '::bytea WHERE idx = 5",
        "UPDATE audit_entry SET leaf = leaf || ' '::bytea WHERE idx = 5",
        "UPDATE audit_search SET principal = 'x' WHERE idx = 5",
        "UPDATE audit_search_column SET level = 'x' WHERE idx = 4",
        "DELETE FROM audit_search_dataset WHERE idx = 4",
        "UPDATE audit_tile SET hashes = set_byte(hashes, 99, get_byte(hashes, 99) # 1)",
        "UPDATE audit_checkpoint SET note = note || ' ' WHERE size = 5",
        "DELETE FROM audit_checkpoint WHERE size = 5",
        "UPDATE audit_head SET size = 8",
        "DELETE FROM audit_open WHERE idx = 8",
        "INSERT INTO audit_tile VALUES (0, 9, '')",
    ],
)
def test_an_edited_log_is_found_on_the_server_too(engine: sa.Engine, edit: str) -> None:
    log = open_log(engine)
    fill(log, 9)
    log.close()
    assert assert_whole(engine) == 9
    with engine.begin() as connection:
        connection.exec_driver_sql(edit)
    findings = verify_log(SqlLogStore(engine), verifier_key=VKEY).findings
    assert {finding.table for finding in findings} & set(edit.replace("_checkpoint", "_checkpoint ").split())


def test_the_second_of_two_equal_sizes_is_refused(engine: sa.Engine) -> None:
    log = open_log(engine)
    log.append(event(0))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_head SET size = 0")
    with pytest.raises(Integrity):
        log.append(event(1))
    log.close()


def test_revocation_waits_for_the_running_batch(engine: sa.Engine) -> None:
    done = threading.Event()

    def revoke() -> None:
        Tokens(engine).revoke("nobody", now=event().time)
        done.set()

    with SqlLogStore(engine).writing():
        thread = threading.Thread(target=revoke)
        thread.start()
        time.sleep(0.2)
        assert not done.is_set()
    thread.join()
    assert done.is_set()
