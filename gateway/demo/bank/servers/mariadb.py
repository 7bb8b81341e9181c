"""The bank in MariaDB or MySQL: inserts of many rows at a time. DDL commits by itself there: the marker comes first."""

from __future__ import annotations

import itertools
import urllib.parse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Self

import pymysql

from gateway.demo.bank.servers.target import SCHEMA, Row, statements
from gateway.errors import Unavailable
from gateway.sources.mariadb import address_of

_CONNECT_SECONDS: Final = 10
_ROWS: Final = 2_000
"""Of one insert: some 400 KB, well below the smallest max_allowed_packet in use."""
_EXISTS: Final = "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"
_TABLES: Final = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"


class MariadbTarget:
    """See target.Target."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def source_url(self) -> str:
        """See target.Target: plain table names are looked up in the demo's database."""
        return urllib.parse.urlsplit(self._url)._replace(path=f"/{SCHEMA}").geturl()

    def __enter__(self) -> Self:
        address = address_of("demo", self._url.partition("://")[2], folder=Path())
        try:
            self._connection = pymysql.connect(
                host=address.host,
                port=address.port,
                user=address.user,
                password=address.password.encode(),
                charset="utf8mb4",
                connect_timeout=_CONNECT_SECONDS,
                ssl_ca=str(address.ssl_ca) if address.ssl_ca is not None else None,
                ssl_verify_cert=address.ssl_ca is not None or None,
                ssl_verify_identity=address.ssl_ca is not None or None,
                ssl_disabled=address.is_local and address.ssl_ca is None,
            )
        except (pymysql.MySQLError, OSError):
            raise Unavailable("the database server for the demo cannot be reached", code="demo") from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with self._connection as connection:
            if error is None:
                connection.commit()
        if isinstance(error, pymysql.MySQLError):
            raise Unavailable("the database server did not take the demo's bank in", code="demo") from None

    def tables(self) -> Sequence[str] | None:
        """See target.Target."""
        if not self._run(_EXISTS, [SCHEMA]):
            return None
        return [str(row[0]) for row in self._run(_TABLES, [SCHEMA])]

    def drop(self) -> None:
        """See target.Target."""
        self._run(f"DROP DATABASE `{SCHEMA}`")

    def make(self) -> None:
        """See target.Target."""
        self._run(f"CREATE DATABASE `{SCHEMA}` CHARACTER SET utf8mb4")
        self._run(f"USE `{SCHEMA}`")
        for statement in statements("mariadb.sql"):
            self._run(statement)

    def fill(self, table: str, rows: Iterable[Row]) -> None:
        """See target.Target."""
        iterator = iter(rows)
        while chunk := list(itertools.islice(iterator, _ROWS)):
            one = "(" + ", ".join(["%s"] * len(chunk[0])) + ")"
            values = ", ".join([one] * len(chunk))
            # The table's name is one of the bank's own.
            self._run(f"INSERT INTO `{table}` VALUES {values}", [value for row in chunk for value in row])  # noqa: S608

    def index(self) -> None:
        """See target.Target."""
        for statement in statements("indexes.sql"):
            self._run(statement)

    def _run(self, statement: str, values: Sequence[object] | None = None) -> Sequence[Sequence[object]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())
