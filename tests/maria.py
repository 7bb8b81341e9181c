"""A MariaDB for tests: GATEWAY_TEST_MARIADB_URL; a fresh database per test."""

from __future__ import annotations

import contextlib
import os
import secrets
import urllib.parse
from collections.abc import Iterator, Sequence

import pymysql
import pytest


class Database:
    """An empty database, and an account that may do everything in it."""

    def __init__(self, server: str) -> None:
        parts = urllib.parse.urlsplit(server)
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 3306
        self.user = urllib.parse.unquote(parts.username or "root")
        self.password = urllib.parse.unquote(parts.password or "")
        self.name = f"test_{secrets.token_hex(8)}"

    @property
    def rest(self) -> str:
        """What follows `mysql://`."""
        return self.rest_as(self.user, self.password)

    def rest_as(self, user: str, password: str) -> str:
        account = f"{urllib.parse.quote(user)}:{urllib.parse.quote(password, safe='')}"
        return f"{account}@{self.host}:{self.port}/{self.name}"

    @property
    def url(self) -> str:
        return f"mysql://{self.rest}"

    def run(
        self, *statements: str, rows: Sequence[Sequence[object]] | None = None, mode: str | None = None
    ) -> list[tuple[object, ...]]:
        """Run the statements and return the last one's rows; with `rows`, run one statement for each of them.

        `mode`: the session's sql_mode; None: the server's own.
        """
        connection = pymysql.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, charset="utf8mb4", autocommit=True
        )
        with connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION time_zone = '+00:00'")
            if mode is not None:
                cursor.execute("SET SESSION sql_mode = %s", (mode,))
            if self._is_there(cursor):
                cursor.execute(f"USE {self.name}")
            if rows is not None:
                cursor.executemany(statements[-1], rows)
                return []
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def _is_there(self, cursor: pymysql.cursors.Cursor) -> bool:
        return bool(cursor.execute("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", (self.name,)))


@contextlib.contextmanager
def locked(database: Database, table: str) -> Iterator[None]:
    """Nobody reads the table meanwhile: a scan of it waits inside the server."""
    connection = pymysql.connect(
        host=database.host, port=database.port, user=database.user, password=database.password, database=database.name
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLES {table} WRITE")
        yield


@contextlib.contextmanager
def own_database(server: str) -> Iterator[Database]:
    """An empty database, gone at the end."""
    database = Database(server)
    database.run(f"CREATE DATABASE {database.name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
    try:
        yield database
    finally:
        database.run(f"DROP DATABASE {database.name}")


@pytest.fixture
def mariadb() -> Iterator[Database]:
    """Skips where there is no server."""
    url = os.environ.get("GATEWAY_TEST_MARIADB_URL")
    if not url:
        pytest.skip("GATEWAY_TEST_MARIADB_URL names no server")
    with own_database(url) as database:
        yield database
