"""T18: a log whose failure stops everything is a stop switch; make it hard to reach. T25: texts in it do nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.audit import verify_log
from gateway.errors import Unavailable
from gateway.store import SqlLogStore, open_database
from gateway.terms.audit import Actor, EntryFilter
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.unit.audit.building import VKEY, access, denial, event, open_log, open_migrated, outcome


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_migrated(f"sqlite:///{tmp_path / 'control.db'}")
    yield engine
    engine.dispose()


def test_t18_within_the_reserve_no_access_is_accepted_but_its_outcome_is(engine: sa.Engine) -> None:
    space = True
    log = open_log(engine, has_space=lambda: space)
    assert log.append(access(0)) == 0
    space = False
    with pytest.raises(Unavailable) as refused:
        log.append(access(1))
    assert refused.value.code == "unavailable.log_space"
    assert [log.append(outcome(0)), log.append(denial()), log.append(event())] == [1, 2, 3]
    space = True
    assert log.append(access(4)) == 4
    log.close()


def test_t18_a_denial_takes_little_room_whatever_was_asked(engine: sa.Engine) -> None:
    log = open_log(engine)
    log.append(denial(shape="SELECT " + "x, " * 20_000, reasons=("because " * 1000,) * 1000))
    log.close()
    (row,) = SqlLogStore(engine).rows(first=0, count=1)
    assert len(row.payload) < 10_000
    assert len(row.leaf) < 400


def test_t18_a_writer_that_holds_the_head_delays_others_no_longer_than_the_limit(engine: sa.Engine) -> None:
    impatient = open_database(str(engine.url), lock_seconds=0.2)
    begun = time.monotonic()
    with SqlLogStore(engine).writing(), pytest.raises(Unavailable), SqlLogStore(impatient).writing():
        pass
    assert time.monotonic() - begun < 2
    impatient.dispose()


@pytest.mark.postgres
def test_t18_a_server_ends_the_wait_for_the_head(postgres_url: str) -> None:  # noqa: F811 - the fixture
    patient = open_migrated(postgres_url)
    impatient = open_database(postgres_url, lock_seconds=0.2)
    begun = time.monotonic()
    with SqlLogStore(patient).writing():
        with pytest.raises(Unavailable, match="55P03"), SqlLogStore(impatient).writing():
            pass
        assert time.monotonic() - begun < 2
    patient.dispose()
    impatient.dispose()


@pytest.mark.postgres
def test_t18_a_server_ends_a_writer_that_stalls_with_the_head(postgres_url: str) -> None:  # noqa: F811 - the fixture
    stalling = open_database(postgres_url, lock_seconds=0.3)
    log_engine = open_migrated(postgres_url)
    log = open_log(log_engine)
    with pytest.raises(Unavailable), SqlLogStore(stalling).writing() as transaction:
        waiting = threading.Thread(target=log.append, args=(event(),))
        waiting.start()
        time.sleep(0.8)
        transaction.open_accesses()
    waiting.join()
    assert SqlLogStore(log_engine).checkpoint().size == 1
    log.close()
    stalling.dispose()
    log_engine.dispose()


def test_t25_no_stored_text_moves_a_cursor_or_turns_a_line(engine: sa.Engine) -> None:
    hostile = "\x1b[2J\r\n2026-12-01 access granted to ben\x9b\u202e\u2066"
    log = open_log(engine)
    log.append(
        access(
            0,
            shape=hostile,
            purpose=hostile,
            actor=Actor(principal=hostile, environment=hostile, roles=(hostile,), door="http"),
        )
    )
    log.append(denial(0, shape=hostile, reasons=(hostile,)))
    log.append(event(0, action=hostile, detail={hostile: hostile}))
    log.close()
    for row in SqlLogStore(engine).rows(first=0, count=3):
        texts = [row.payload.decode(), row.leaf.decode(), row.principal, row.purpose, row.action]
        assert all(text.isprintable() for text in texts)
    shown = SqlLogStore(engine).search(EntryFilter(kind="event"))[0].payload["action"]
    assert shown.startswith(r"\x1b[2J\x0d\x0a2026")
    assert verify_log(SqlLogStore(engine), verifier_key=VKEY).ok
