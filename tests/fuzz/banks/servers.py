"""A world's tables on a server: a schema of its own in PostgreSQL, a database of its own in MariaDB."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Protocol

import psycopg
from psycopg import sql

from tests import bank
from tests.fuzz.banks.served import SERVED, Served
from tests.maria import Database, own_database
from tests.pg import own_schema


class Server(Protocol):
    """Where one world's tables of one source stand."""

    url: str
    name: str
    """Of the schema or database: all that differs in what two worlds' sources are asked."""

    def write(self, tables: bank.Tables) -> None:
        """In place of what stood there."""


class PostgresTables:
    """Of the source `care`."""

    def __init__(self, url: str, name: str) -> None:
        self.url, self.name = url, name
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TYPE state AS ENUM ('open', 'solved', 'lost')")
            for table, columns in _declared("care").items():
                connection.execute(f"CREATE TABLE {table} ({columns})".encode())

    def write(self, tables: bank.Tables) -> None:
        with psycopg.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
            for name in _declared("care"):
                cursor.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(name)))
                with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))) as copy:
                    for row in tables[name]:
                        copy.write_row([row[column] for column in SERVED[name].columns])


class MariadbTables:
    """Of the source `fund`."""

    def __init__(self, database: Database) -> None:
        self.url, self.name = database.url, database.name
        self._database = database
        for table, columns in _declared("fund").items():
            database.run(f"CREATE TABLE {table} ({columns}) ENGINE = InnoDB")

    def write(self, tables: bank.Tables) -> None:
        for name in _declared("fund"):
            columns = SERVED[name].columns
            rows = [[row[column] for column in columns] for row in tables[name]]
            marks = ", ".join(["%s"] * len(columns))
            self._database.run(f"DELETE FROM {name}")
            self._database.run(f"INSERT INTO {name} VALUES ({marks})", rows=rows, mode="")


def _declared(source: str) -> Mapping[str, str]:
    """Table → its columns in the server's words."""

    def columns(table: Served) -> str:
        return ", ".join(f"{name} {kind}" for name, (_, kind) in table.columns.items())

    return {name: columns(table) for name, table in SERVED.items() if table.source == source}


@contextlib.contextmanager
def servers(*, postgres: str | None, mariadb: str | None) -> Iterator[dict[str, Server]]:
    """Source → its tables, of one world; gone at the end. None: no such server."""
    with contextlib.ExitStack() as stack:
        made: dict[str, Server] = {}
        if postgres is not None:
            made["care"] = PostgresTables(*stack.enter_context(own_schema(postgres)))
        if mariadb is not None:
            made["fund"] = MariadbTables(stack.enter_context(own_database(mariadb)))
        yield made
