"""How the tables of servers come to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import LiteralString

import psycopg
import pyarrow as pa
from psycopg import sql

from gateway.ports import Source
from gateway.sources import MariadbSource, PostgresSource
from gateway.sources.mariadb import address_of
from tests.conformance.tables import ODD_FLOATS, SOURCE, TYPES, Closing, Rows, stored
from tests.maria import Database


class PostgresAdapter:
    """A schema of its own, which the URL's search_path names. Sessions that a test leaves open are closed later."""

    odd_floats = ODD_FLOATS
    holds_nul = False
    _DECLARED: Mapping[pa.DataType, LiteralString] = {
        TYPES["int64"]: "bigint",
        TYPES["int32"]: "integer",
        TYPES["clock"]: "timestamp",
        TYPES["string"]: "text",
        TYPES["float64"]: "double precision",
        TYPES["decimal"]: "numeric(12,2)",
        TYPES["wide"]: "numeric(38,10)",
        TYPES["date"]: "date",
        TYPES["timestamp"]: "timestamptz",
        TYPES["bool"]: "boolean",
    }

    def __init__(self, url: str, *, at_end: Callable[[Callable[[], object]], None]) -> None:
        self.url = url
        self._at_end = at_end

    def create(self, name: str, table: Rows, *, kinds: Mapping[str, str] | None = None) -> None:
        pairs = [
            sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL((kinds or {}).get(c.name, self._DECLARED[c.type])))  # type: ignore[arg-type]  # a test's own words
            for c in table.columns
        ]
        with psycopg.connect(self.url) as connection:
            create = sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(name), sql.SQL(", ").join(pairs))
            connection.execute(create)
            with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))) as copy:
                for row in table.rows:
                    copy.write_row(row)

    def rename_column(self, table: str, old: str, new: str) -> None:
        self._run("ALTER TABLE {} RENAME COLUMN {} TO {}", table, old, new)

    def change_type(self, table: str, name: str) -> None:
        self._run("ALTER TABLE {} ALTER COLUMN {} TYPE bytea USING NULL", table, name)

    def drop(self, table: str) -> None:
        self._run("DROP TABLE {}", table)

    def make_view(self, name: str, *, of: str) -> None:
        self._run("CREATE VIEW {} AS SELECT * FROM {}", name, of)

    def break_off(self, receipt: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
                [f"gateway {receipt}"],
            )

    def is_held(self, receipt: str) -> bool:
        with psycopg.connect(self.url) as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
            return connection.execute(query, [f"gateway {receipt}"]).fetchone() != (0,)

    def gone(self) -> Source:
        return PostgresSource(SOURCE, "postgresql://nobody@127.0.0.1:1/none")

    def source(self) -> Source:
        return Closing(PostgresSource(SOURCE, self.url), self._at_end)

    def _run(self, text: LiteralString, *names: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(sql.SQL(text).format(*map(sql.Identifier, names)))


class MariadbAdapter:
    """A database, whose collation takes `acme`, `ACME` and `äcme` for one."""

    odd_floats = ()
    holds_nul = True
    _DECLARED: Mapping[pa.DataType, str] = {
        TYPES["int64"]: "BIGINT",
        TYPES["int32"]: "INT",
        TYPES["clock"]: "DATETIME(6)",
        TYPES["string"]: "LONGTEXT",
        TYPES["float64"]: "DOUBLE",
        TYPES["decimal"]: "DECIMAL(12,2)",
        TYPES["wide"]: "DECIMAL(38,10)",
        TYPES["date"]: "DATE",
        TYPES["timestamp"]: "DATETIME(6)",
        TYPES["bool"]: "BOOLEAN",
    }

    def __init__(self, database: Database, *, at_end: Callable[[Callable[[], object]], None]) -> None:
        self._database = database
        self._at_end = at_end

    def create(self, name: str, table: Rows, *, kinds: Mapping[str, str] | None = None) -> None:
        listed = ", ".join(
            f"{_ticked(c.name)} {(kinds or {}).get(c.name, self._DECLARED[c.type])}" for c in table.columns
        )
        marks = ", ".join(["%s"] * len(table.columns))
        self._database.run(f"CREATE TABLE {_ticked(name)} ({listed})")
        if table.rows:
            rows = [[stored(v) for v in row] for row in table.rows]
            self._database.run(f"INSERT INTO {_ticked(name)} VALUES ({marks})", rows=rows)

    def rename_column(self, table: str, old: str, new: str) -> None:
        self._database.run(f"ALTER TABLE {_ticked(table)} RENAME COLUMN {_ticked(old)} TO {_ticked(new)}")

    def change_type(self, table: str, name: str) -> None:
        self._database.run(f"ALTER TABLE {_ticked(table)} DROP COLUMN {_ticked(name)}, ADD COLUMN {_ticked(name)} TIME")

    def drop(self, table: str) -> None:
        self._database.run(f"DROP TABLE {_ticked(table)}")

    def make_view(self, name: str, *, of: str) -> None:
        self._database.run(f"CREATE VIEW {_ticked(name)} AS SELECT * FROM {_ticked(of)}")

    def break_off(self, receipt: str) -> None:
        for (number,) in self._others():
            self._database.run(f"KILL {number}")

    def is_held(self, receipt: str) -> bool:
        return bool(self._others())

    def _others(self) -> list[tuple[object, ...]]:
        return self._database.run(
            "SELECT ID FROM information_schema.PROCESSLIST"
            f" WHERE DB = '{self._database.name}' AND ID <> CONNECTION_ID()"
        )

    def gone(self) -> Source:
        return MariadbSource(SOURCE, address_of(SOURCE, "nobody:@127.0.0.1:1/none", folder=Path()))

    def source(self) -> Source:
        source = MariadbSource(SOURCE, address_of(SOURCE, self._database.rest, folder=Path()))
        return Closing(source, self._at_end)


def _ticked(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
