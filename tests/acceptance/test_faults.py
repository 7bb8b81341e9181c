"""Broken parts, through real HTTP: a clear problem, the right status, an entry, nothing unlogged."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.client import Client, Incomplete
from gateway.terms.audit import OutcomeEntry
from tests import bank
from tests.acceptance.front import SQL, Front, front, refused, small_front
from tests.unit.http.door import BIG, OWNER, big_bank, ended, entries, size, slow_reader


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Front]:
    with small_front(tmp_path) as open_front:
        yield open_front


# A source that is down, and one that dies


def test_a_source_that_is_down_is_unavailable_and_its_access_failed(small: Front) -> None:
    small.source.rename(small.source.with_suffix(".away"))
    problem = refused(small.ask(), 503, "unavailable.source")
    assert str(small.source) not in problem["detail"]
    (access,) = entries(small.house, kind="access")
    assert (access.result, access.outcome["code"], access.outcome["rows"]) == ("failed", "unavailable.source", 0)


def test_a_source_that_comes_back_answers_again(small: Front) -> None:
    away = small.source.rename(small.source.with_suffix(".away"))
    assert small.ask().status_code == 503
    away.rename(small.source)
    assert small.ask().status_code == 200


def test_a_file_that_is_no_database_is_an_integrity_error(small: Front) -> None:
    small.source.write_bytes(b"not a database at all")
    refused(small.ask(), 500, "integrity.source.file")


def test_a_source_that_dies_in_the_middle_serves_no_byte(tmp_path: Path) -> None:
    """All rows are read before the first leaves (T7), so a source's death keeps its own status."""
    source = big_bank(tmp_path / "core.db", transactions=100_000)
    pages = source.stat().st_size // 4096
    with front(tmp_path, source) as broken:
        assert broken.ask(BIG, who="otto", purpose=OWNER[1]).status_code == 200
        with source.open("r+b") as file:
            file.truncate(pages // 2 * 4096)
        refused(broken.ask(BIG, who="otto", purpose=OWNER[1]), 500, "integrity.source.file")
        result = [(e.result, e.outcome["code"]) for e in entries(broken.house, kind="access")]
        assert result == [("ok", ""), ("failed", "integrity.source.file")]


def test_an_undeclared_value_in_the_source_is_told_without_the_value(small: Front) -> None:
    with contextlib.closing(sqlite3.connect(small.source)) as connection, connection:
        connection.execute("UPDATE customers SET income = 'ZQX-TEXT' WHERE region = 'DE'")
    response = small.ask()
    refused(response, 500, "integrity.source.value")
    assert b"ZQX-TEXT" not in response.content


# A log that cannot be written


def served(small: Front, response: httpx.Response) -> bool:
    """Whether a body came; if so it was logged before."""
    if response.status_code != 200:
        return False
    assert entries(small.house, kind="access", receipt=response.headers["gateway-receipt"])
    return True


def test_a_full_disk_stops_serving(small: Front) -> None:
    engine = small.house.gateway.control.engine

    @sa.event.listens_for(engine, "checkout")
    def full(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the file's present size for it

    assert not entries(small.house, kind="access", result="ok")
    for _ in range(200):
        try:
            response = small.ask()
        except httpx.RemoteProtocolError:  # access written, outcome not: the body breaks
            continue
        if not served(small, response):
            break
    problem = refused(response, 503, "unavailable.control")
    assert "SQLITE_FULL" in problem["detail"]
    sa.event.remove(engine, "checkout", full)


def test_a_full_disk_is_told_without_a_body_for_denials_too(small: Front) -> None:
    engine = small.house.gateway.control.engine

    @sa.event.listens_for(engine, "checkout")
    def read_only(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    before = size(small.house)
    refused(small.ask(), 503, "unavailable.control")
    refused(small.ask("SELECT nothing FROM core.nowhere"), 503, "unavailable.control")
    sa.event.remove(engine, "checkout", read_only)
    assert size(small.house) == before


def test_a_log_that_another_writer_holds_is_waited_for_and_no_longer(small: Front) -> None:
    held = sqlite3.connect(small.house.settings.home / "control.db", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    refused(small.ask(), 503, "unavailable.control")
    assert time.monotonic() - begun < 5
    held.rollback()
    held.close()
    assert small.ask().status_code == 200


def test_an_outcome_that_cannot_be_written_is_not_confirmed(small: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    log = small.house.gateway.control.log
    append = log.append
    held = sqlite3.connect(small.house.settings.home / "control.db", isolation_level=None, check_same_thread=False)

    def late(entry: Any, **more: Any) -> int:
        if isinstance(entry, OutcomeEntry) and not held.in_transaction:
            held.execute("BEGIN IMMEDIATE")
        return append(entry, **more)

    monkeypatch.setattr(log, "append", late)
    with Client(small.url, token=small.tokens["ana"]) as client:
        with client.stream(SQL, purpose=bank.ANA[1], format="csv") as answer:
            assert b"".join(answer.chunks())
        with pytest.raises(Incomplete):
            client.confirm(answer)
    held.rollback()
    held.close()
    (access,) = entries(small.house, receipt=answer.receipt, kind="access")
    assert access.outcome is None


def test_a_control_database_that_is_gone_lets_nobody_in(small: Front) -> None:
    control = small.house.gateway.control
    control.engine.dispose()
    home = small.house.settings.home
    kept = {path: path.read_bytes() for path in home.glob("control.db*")}
    for path in kept:
        path.write_bytes(b"\0" * 8192)
    try:
        response = small.ask()
        assert response.status_code == 503
        assert response.json()["code"] == "unavailable.control"
    finally:
        control.engine.dispose()
        for path, content in kept.items():
            path.write_bytes(content)


def test_readiness_tells_a_log_without_room(tmp_path: Path) -> None:
    source = bank.write(bank.first_world(customers=4), tmp_path / "core.db")
    with front(tmp_path, source, audit_reserve_mb=10**9) as full:
        told = httpx.get(f"{full.url}/health/ready")
        assert (told.status_code, told.json()["problems"]) == (503, ["unavailable.audit_reserve"])
        assert httpx.get(f"{full.url}/health/live").status_code == 200


def test_a_stopping_gateway_ends_running_answers_and_says_so(tmp_path: Path) -> None:
    source = big_bank(tmp_path / "core.db", transactions=100_000)
    with front(tmp_path, source) as stopping:
        house = stopping.house
        with slow_reader(stopping.url, stopping.tokens["otto"], BIG, purpose=OWNER[1]) as (_, receipt):
            closing = threading.Thread(target=house.gateway.housekeeping.close)
            closing.start()
            assert ended(house, receipt) == ("failed", "unavailable.stopping")
            closing.join()
