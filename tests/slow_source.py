"""A server that is busy with the gateway's own query, and what the server itself says of it.

Two ways to be busy: a long table whose rows flow, and a table that another connection locks.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import psycopg
import pymysql

from gateway.demo.bank.servers.target import statements
from tests.maria import Database

_GROW = (
    "INSERT INTO transactions SELECT transaction_id + {rows:d}, account_id, customer_id, amount, currency, merchant,"
    " category, channel, counterparty_iban, reference, booked_at FROM transactions"
)
SQL = "SELECT transaction_id, account_id, merchant, amount FROM core.transactions"
"""Of a table that nobody else in these tests reads."""


class SlowSource(Protocol):
    """A database of the test's own with a long table `transactions`."""

    url: str
    """As the sources file takes it."""

    def double(self) -> None:
        """As many rows again."""

    def queries(self) -> int:
        """Statements of the gateway's that the server works on, as the server counts them."""

    def connections(self) -> int:
        """The gateway's connections."""

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Nobody reads the table meanwhile: who tries to, waits."""


class SlowPostgres:
    """In an empty schema."""

    def __init__(self, url: str, *, rows: int) -> None:
        self.url = url
        self._watch = psycopg.connect(url, autocommit=True)
        for statement in statements("postgres.sql"):
            self._watch.execute(statement.encode())
        self._watch.execute(
            "INSERT INTO transactions SELECT i, mod(i, 9), mod(i, 7), i / 100.0, 'EUR', repeat('m', 90) || mod(i, 999),"
            " 'c', 'card', NULL, NULL, '2021-01-01' FROM generate_series(1, %s) AS i",
            [rows],
        )
        self._rows = rows
        self._names: set[str] = set()
        (self._schema,) = self._watch.execute("SELECT current_schema()::text").fetchone() or ("",)

    def close(self) -> None:
        self._watch.close()

    def double(self) -> None:
        self._watch.execute(_GROW.format(rows=self._rows).encode())
        self._rows *= 2

    def _backends(self) -> list[tuple[str, str, str]]:
        """(name, state, query) of all of the gateway's, other tests' too: only statements name the schema."""
        return self._watch.execute(
            "SELECT application_name, state, query FROM pg_stat_activity"
            " WHERE application_name LIKE 'gateway r@_%' ESCAPE '@'"
        ).fetchall()

    def queries(self) -> int:
        own = [(name, state) for name, state, query in self._backends() if self._schema in query]
        self._names.update(name for name, _ in own)
        return sum(state == "active" for _, state in own)

    def connections(self) -> int:
        """Of the accesses whose statements `queries` has seen; the one that leads the snapshot runs none."""
        return sum(name in self._names for name, _, _ in self._backends())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        with psycopg.connect(self.url) as other:
            other.execute("LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE")
            yield
            other.rollback()


class SlowMariadb:
    """In an empty database."""

    def __init__(self, database: Database, *, rows: int) -> None:
        self.url = database.url
        self._database = database
        database.run(*statements("mariadb.sql"))
        database.run(
            "INSERT INTO transactions SELECT seq, seq % 9, seq % 7, seq / 100.0, 'EUR', concat(repeat('m', 90),"
            f" seq % 1000), 'c', 'card', NULL, NULL, '2021-01-01' FROM seq_1_to_{rows:d}"
        )
        self._rows = rows
        self._watch = self._connected()

    def double(self) -> None:
        self._database.run(_GROW.format(rows=self._rows))
        self._rows *= 2

    def _connected(self) -> pymysql.Connection[pymysql.cursors.Cursor]:
        base = self._database
        return pymysql.connect(
            host=base.host, port=base.port, user=base.user, password=base.password, database=base.name, autocommit=True
        )

    def close(self) -> None:
        self._watch.close()

    def _count(self, condition: str) -> int:
        with self._watch.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM information_schema.PROCESSLIST WHERE DB = %s AND ID NOT IN (CONNECTION_ID())"
                f" AND {condition}",
                (self._database.name,),
            )
            (found,) = cursor.fetchone() or (0,)
        return int(found)

    def queries(self) -> int:
        return self._count("INFO LIKE '/* gateway r\\_%%'")

    def connections(self) -> int:
        return self._count("(INFO IS NULL OR INFO NOT LIKE 'LOCK %%')")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        with contextlib.closing(self._connected()) as other, other.cursor() as cursor:
            cursor.execute("LOCK TABLES transactions WRITE")
            yield
            cursor.execute("UNLOCK TABLES")


def until(holds: Callable[[], bool], *, seconds: float) -> float | None:
    """Seconds until it holds; None if it does not in time."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > seconds:
            return None
        time.sleep(0.005)
    return time.monotonic() - begun
