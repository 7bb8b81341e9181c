"""How long production works on for a client that has left."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import secrets
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import psycopg
import sqlalchemy as sa

from gateway.app import Host
from tests.bench.harness import record, spread_of
from tests.house import settings_for
from tests.maria import Database
from tests.pg import postgres_address
from tests.server import Server
from tests.slow_source import SQL, SlowMariadb, SlowPostgres, SlowSource, until
from tests.unit.http.door import OWNER, big_bank

RUNS: Final = 12
ROWS: Final = 1_000_000
"""Reading them takes seconds."""
_SECONDS: Final = 20.0
_LIMITS: Final = {"requests_per_minute": "100000", "rows_per_day": "1000000000", "concurrent_queries": "1"}


def postgres() -> None:
    """From the client's close to the end of the gateway's statement in pg_stat_activity."""
    with postgres_address() as url, _schema(url) as own, contextlib.closing(SlowPostgres(own, rows=ROWS)) as source:
        _at_a_server("postgres", source)


def mariadb() -> None:
    """The same in information_schema.PROCESSLIST; without a server there is no figure."""
    url = os.environ.get("GATEWAY_TEST_MARIADB_URL")
    if not url:
        print("cancel.to_source.mariadb.ms: GATEWAY_TEST_MARIADB_URL names no server")
        return
    database = Database(url)
    database.run(f"CREATE DATABASE {database.name} CHARACTER SET utf8mb4")
    try:
        with contextlib.closing(SlowMariadb(database, rows=ROWS)) as source:
            _at_a_server("mariadb", source)
    finally:
        database.run(f"DROP DATABASE {database.name}")


def sqlite() -> None:
    """There is no server: until the caller's one place for a query is free again."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        root = Path(folder)
        url, token = _served(root, stack, f"sqlite:///{big_bank(root / 'core.db', transactions=ROWS)}")
        client = stack.enter_context(_client(url, token))

        def is_free() -> bool:
            body = {"sql": "SELECT count(*) FROM core.customers", "purpose": OWNER[1]}
            return client.post("/v1/query", json=body).status_code == 200

        is_free()
        seconds = []
        for _ in range(RUNS):
            with _asking(url, token):
                time.sleep(0.5)  # it reads
            seconds.append(_within(is_free))
        _record("sqlite", seconds, "the caller's place is free")


def _at_a_server(name: str, source: SlowSource) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        url, token = _served(Path(folder), stack, source.url)
        seconds = []
        for _ in range(RUNS):
            with _asking(url, token):
                _within(lambda: source.queries() > 0)
                time.sleep(0.1)  # rows flow
            seconds.append(_within(lambda: source.queries() == 0))
            _within(lambda: source.connections() == 0)
        _record(name, seconds, "its statement is gone from the server's list")


def _record(name: str, seconds: list[float], end: str) -> None:
    record(
        f"cancel.to_source.{name}.ms",
        max(seconds) * 1e3,
        "ms",
        better="lower",
        ours=statistics.median(seconds) * 1e3,
        op=f"from a client's close, while a million rows are read, until {end}; the longest of all, ours the median",
        clock="wall",
        runs=len(seconds),
        spread=spread_of(seconds),
    )


def _within(holds: Callable[[], bool]) -> float:
    seconds = until(holds, seconds=_SECONDS)
    if seconds is None:
        raise AssertionError("it did not come about in time")
    return seconds


def _served(root: Path, stack: contextlib.ExitStack, source_url: str) -> tuple[str, str]:
    """A server's URL, and the token of somebody who sees every row."""
    settings = settings_for(root, bank=root, source_url=source_url)
    host = Host()
    host.initialize(settings)
    with host.token_desk(settings) as (desk, actor):
        _, token = desk.create(
            actor,
            principal="otto",
            roles=frozenset({OWNER[0]}),
            environment="prod",
            lifetime=datetime.timedelta(hours=1),
        )
    return stack.enter_context(Server(settings, stderr=root / "stderr", **_LIMITS)).url, token


def _client(url: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)


@contextlib.contextmanager
def _asking(url: str, token: str) -> Iterator[None]:
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps({"sql": SQL, "purpose": OWNER[1]})
    head = f"POST /v1/query HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAccept: text/csv\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall((head + body).encode())
        yield


@contextlib.contextmanager
def _schema(url: str) -> Iterator[str]:
    """A URL whose connections live in an empty schema."""
    name = f"bench_{secrets.token_hex(8)}"
    server = sa.make_url(url).set(drivername="postgresql")
    with psycopg.connect(server.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        try:
            own = server.update_query_dict({"options": f"-csearch_path={name}"})
            yield own.render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP SCHEMA {name} CASCADE")


BENCHES: dict[str, Callable[[], None]] = {
    "cancel.to_source.postgres.ms": postgres,
    "cancel.to_source.mariadb.ms": mariadb,
    "cancel.to_source.sqlite.ms": sqlite,
}
