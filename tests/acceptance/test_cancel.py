"""Who leaves, or stops reading, leaves nothing behind: not in production, not in the gateway.

Through HTTP, and as the database servers themselves tell it.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.app import Host
from tests.acceptance.service import settled, usage, watched
from tests.house import House, open_house, settings_for
from tests.maria import Database, mariadb  # noqa: F401 - a fixture
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.server import Server
from tests.slow_source import SQL, SlowMariadb, SlowPostgres, SlowSource, until
from tests.unit.http.door import OWNER, big_bank, caller, ended, entries, open_door, wait_for

ROWS = 300_000
SECONDS = 1.0
"""From a client's leaving to its query's end at the server."""


class Front:
    def __init__(self, house: House, url: str, source: SlowSource) -> None:
        self.house, self.url, self.source = house, url, source
        self.token = house.token("otto", OWNER[0], environment="prod")

    @contextlib.contextmanager
    def asking(self, sql: str = SQL) -> Iterator[socket.socket]:
        """A client that has asked and not yet been answered; it leaves at the end."""
        with asking(self.url, self.token, sql) as connection:
            yield connection

    def newest(self) -> tuple[str | None, object]:
        """How the newest access ended."""
        return ended(self.house, str(entries(self.house, kind="access")[-1].payload["receipt"]))


@contextlib.contextmanager
def asking(url: str, token: str, sql: str, *, accept: str = "text/csv") -> Iterator[socket.socket]:
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps({"sql": sql, "purpose": OWNER[1]})
    head = f"POST /v1/query HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAccept: {accept}\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        yield connection


def receipt_of(connection: socket.socket) -> str:
    """Reads the head of an answer and no more."""
    connection.settimeout(20)
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(1)
    assert head.startswith(b"HTTP/1.1 200"), head
    (found,) = re.findall(rb"gateway-receipt: (\S+)", head)
    return str(found, "ascii")


@pytest.fixture(
    params=[pytest.param("postgres", marks=pytest.mark.postgres), pytest.param("mariadb", marks=pytest.mark.mariadb)]
)
def front(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Front]:
    if request.param == "postgres":
        source: SlowPostgres | SlowMariadb = SlowPostgres(request.getfixturevalue("postgres_url"), rows=ROWS)
    else:
        source = SlowMariadb(request.getfixturevalue("mariadb"), rows=ROWS)
    with (
        contextlib.closing(source),
        open_house(tmp_path, bank=tmp_path, source_url=source.url) as house,
        open_door(house.gateway.services()) as url,
    ):
        yield Front(house, url, source)


def busy(source: SlowSource) -> Callable[[], bool]:
    return lambda: source.queries() > 0


def idle(source: SlowSource) -> Callable[[], bool]:
    return lambda: source.queries() == 0 and source.connections() == 0


def test_a_query_whose_rows_flow_ends_at_the_server_when_its_client_leaves(front: Front) -> None:
    """They would for several seconds."""
    front.source.double()
    front.source.double()
    with front.asking():
        assert until(busy(front.source), seconds=10) is not None
    assert until(idle(front.source), seconds=SECONDS) is not None
    assert front.newest() == ("cut", "cut")


def test_a_query_that_waits_at_the_server_ends_there_when_its_client_leaves(front: Front) -> None:
    """It sends nothing and reads nothing: only a cancel from outside ends it."""
    with front.source.locked():
        with front.asking():
            assert until(busy(front.source), seconds=10) is not None
        assert until(lambda: front.source.queries() == 0, seconds=SECONDS) is not None
    assert until(idle(front.source), seconds=SECONDS) is not None
    assert front.newest() == ("cut", "cut")


def test_two_scans_end_at_the_server_when_their_client_leaves(front: Front) -> None:
    sql = "SELECT a.merchant, b.amount FROM core.transactions AS a JOIN core.transactions AS b ON a.amount = b.amount"
    with front.asking(sql):
        assert until(busy(front.source), seconds=10) is not None
    assert until(idle(front.source), seconds=SECONDS) is not None


def test_a_deadline_ends_the_query_at_the_server(tmp_path: Path, front: Front) -> None:
    (tmp_path / "short").mkdir()
    with (
        front.source.locked(),
        open_house(tmp_path / "short", bank=tmp_path, source_url=front.source.url, query_seconds=1.0) as house,
    ):
        token = house.token("otto", OWNER[0], environment="prod")
        with open_door(house.gateway.services()) as url, caller(url, token) as client:
            response = client.post("/v1/query", json={"sql": SQL, "purpose": OWNER[1]})
            assert (response.status_code, response.json()["code"]) == (429, "exhausted.time")
            assert until(lambda: front.source.queries() == 0, seconds=SECONDS) is not None


def test_a_slow_reader_holds_nothing_of_production(front: Front) -> None:
    """All rows were read before the first left: how long one takes to read them is no matter of production's."""
    with front.asking() as connection:
        assert until(busy(front.source), seconds=10) is not None
        receipt = receipt_of(connection)
        assert until(idle(front.source), seconds=SECONDS) is not None
        (access,) = entries(front.house, receipt=receipt, kind="access")
        assert access.outcome is None, "the answer is on its way"
    assert ended(front.house, receipt) == ("cut", "cut")


@pytest.mark.slow
def test_the_gateway_answers_on_after_many_have_left(tmp_path: Path) -> None:
    """At every moment of a query, and nothing of theirs is left."""
    with served(tmp_path, big_bank(tmp_path / "core.db", transactions=60_000)) as (server, token):
        assert server.process is not None
        pid, sql = server.process.pid, "SELECT a.amount, a.category FROM core.transactions AS a"

        def leave(count: int) -> None:
            for number in range(count):
                with asking(server.url, token, sql):
                    time.sleep(0.5 * number / count)

        leave(10)
        before = settled(pid)
        leave(40)
        after = settled(pid)
        with caller(server.url, token) as client:
            assert client.post("/v1/query", json={"sql": f"{sql} LIMIT 1", "purpose": OWNER[1]}).status_code == 200
    assert after.zombies == 0
    assert after.processes <= before.processes + 1
    assert after.sockets <= before.sockets + 40, "a child that waits has its sockets"
    assert after.threads <= before.threads + 4


@contextlib.contextmanager
def served(root: Path, source: Path, **more: str) -> Iterator[tuple[Server, str]]:
    settings = settings_for(root, bank=source)
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
    values = {"requests_per_minute": "100000", "rows_per_day": "1000000000", "worker_in_serve": "false", **more}
    with Server(settings, stderr=root / "stderr", **values) as server:
        yield server, token


@pytest.mark.parametrize("accept", ["application/vnd.apache.arrow.stream", "text/csv"])
def test_two_hundred_megabytes_that_nobody_reads_take_no_memory_and_end(tmp_path: Path, accept: str) -> None:
    """Two thousand rows, each with each of a thousand others: 200 MB that are made while they are read."""
    source = big_bank(tmp_path / "core.db", transactions=2_000)
    wide = f"{'x' * 90}"
    sql = (
        f"SELECT a.category || '{wide}' || b.category AS s, a.amount FROM core.transactions AS a,"
        " (SELECT category FROM core.transactions LIMIT 1000) AS b"
    )
    with served(tmp_path, source, stall_seconds="2", sandbox_warm_children="1") as (server, token):
        assert server.process is not None
        with caller(server.url, token) as client:  # a first answer brings in what every answer needs
            small = {"sql": f"{sql} LIMIT 1000", "purpose": OWNER[1]}
            assert client.post("/v1/query", json=small, headers={"Accept": accept}).status_code == 200
        before = usage(server.process.pid)
        with watched(server.process.pid) as peak, asking(server.url, token, sql, accept=accept) as connection:
            receipt = receipt_of(connection)
            time.sleep(1.5)
            paused = usage(server.process.pid)
            with caller(server.url, token) as client:
                wait_for(lambda: client.get(f"/v1/receipts/{receipt}").json()["status"] == "exhausted", seconds=6)
        assert paused.pss_mb < before.pss_mb + 150
        assert peak.mb < before.pss_mb + 150
        assert paused.own_mb < before.own_mb + 120
