"""The bank in PostgreSQL: one transaction, one COPY for each table."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Sequence
from typing import Final, Self

import psycopg
from psycopg import sql

from gateway.demo.bank.servers.target import SCHEMA, Row, statements
from gateway.errors import Unavailable

_CONNECT_SECONDS: Final = 10
_EXISTS: Final = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s"
_TABLES: Final = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = %s"


class PostgresTarget:
    """See target.Target."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def source_url(self) -> str:
        """See target.Target: plain table names are looked up in the demo's schema."""
        parts = urllib.parse.urlsplit(self._url)
        options = [(k, v) for k, v in urllib.parse.parse_qsl(parts.query) if k != "options"]
        options.append(("options", f"-csearch_path={SCHEMA}"))
        query = urllib.parse.urlencode(options, quote_via=urllib.parse.quote)
        return parts._replace(query=query).geturl()

    def __enter__(self) -> Self:
        try:
            self._connection = psycopg.connect(self._url, connect_timeout=_CONNECT_SECONDS)
            self._connection.execute("SET TIME ZONE 'UTC'")
        except psycopg.Error:
            raise Unavailable("the database server for the demo cannot be reached", code="demo") from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with self._connection as connection:  # psycopg commits if nothing was raised, and closes
            if error is not None:
                connection.rollback()
        if isinstance(error, psycopg.Error):
            raise Unavailable("the database server did not take the demo's bank in", code="demo") from None

    def tables(self) -> Sequence[str] | None:
        """See target.Target."""
        if self._connection.execute(_EXISTS, [SCHEMA]).fetchone() is None:
            return None
        return [name for (name,) in self._connection.execute(_TABLES, [SCHEMA])]

    def drop(self) -> None:
        """See target.Target."""
        self._connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(SCHEMA)))

    def make(self) -> None:
        """See target.Target."""
        schema = sql.Identifier(SCHEMA)
        self._connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        self._connection.execute(sql.SQL("SET LOCAL search_path = {}").format(schema))
        self._run("postgres.sql")

    def fill(self, table: str, rows: Iterable[Row]) -> None:
        """See target.Target."""
        target = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(SCHEMA, table))
        with self._connection.cursor() as cursor, cursor.copy(target) as copy:
            for row in rows:
                copy.write_row(row)

    def index(self) -> None:
        """See target.Target."""
        self._run("indexes.sql")

    def _run(self, file: str) -> None:
        for statement in statements(file):
            self._connection.execute(statement.encode())
