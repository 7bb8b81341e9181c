"""The real HTTP door over a house in this process, so that a test can reach behind it while a client waits."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from gateway.http import Services, create_app
from gateway.http.server import server_for
from gateway.terms.audit import EntryFilter, FoundEntry
from tests import bank
from tests.house import House

OWNER = ("data-owner", "data-quality")
"""Sees rows as they are, in prod, without a row filter."""
BIG = "SELECT transaction_id, account_id, customer_id, amount, category FROM core.transactions"
_MANY = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    INSERT INTO transactions
    SELECT 400000000 + i, 550000000 + i % 9, 770000000 + i % 7, i / 100.0, 'EUR', 'm', i || '', 'card', NULL, NULL,
           '2021-01-01 00:00:00.000000'
    FROM n
"""


def big_bank(path: Path, *, transactions: int = 200_000) -> Path:
    """The small bank with many more transactions: an answer about them does not fit the sockets' buffers."""
    bank.write(bank.first_world(), path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(_MANY, [transactions])
    return path


@contextlib.contextmanager
def open_door(services: Services) -> Iterator[str]:
    """Serve in a thread; the URL."""
    server = server_for(create_app(services), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def caller(url: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False)


@contextlib.contextmanager
def slow_reader(url: str, token: str, sql: str, *, purpose: str) -> Iterator[tuple[socket.socket, str]]:
    """A client that has read the head of an answer and no more; its socket and the receipt's id."""
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((host, int(port)))
        body = f'{{"sql": "{sql}", "purpose": "{purpose}"}}'
        head = f"POST /v1/query HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAccept: text/csv\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall((head + body).encode())
        connection.settimeout(30)
        told = b""
        while b"\r\n\r\n" not in told:
            told += connection.recv(64)
        fields = dict(line.split(": ", 1) for line in told.decode(errors="replace").split("\r\n")[1:-2] if ": " in line)
        yield connection, {name.lower(): value for name, value in fields.items()}["gateway-receipt"]


def wait_for(holds: Callable[[], object], *, seconds: float = 15) -> None:
    """Until it holds; an assertion otherwise."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)


def entries(house: House, **wanted: object) -> list[FoundEntry]:
    """The log's entries that match."""
    return list(house.gateway.control.log_store.search(EntryFilter(**{"limit": 1000, **wanted})))


def ended(house: House, receipt: str) -> tuple[str | None, object]:
    """(result, code) of an access, once it has ended."""
    wait_for(lambda: entries(house, receipt=receipt, kind="access")[0].outcome is not None)
    (found,) = entries(house, receipt=receipt, kind="access")
    assert found.outcome is not None
    return found.result, found.outcome["code"]


def size(house: House) -> int:
    """Entries in the log."""
    newest = house.gateway.control.log_store.checkpoint()
    return newest.size if newest else 0
