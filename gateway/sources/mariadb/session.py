"""One connection to a server, in one read-only transaction: what is checked is what is read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

import pyarrow as pa

from gateway.errors import GatewayError, Integrity, Unavailable, Unsupported
from gateway.sources.described import queries_of
from gateway.sources.described.sampling import Drawn, by_part, by_windows, enough
from gateway.sources.mariadb.address import Address
from gateway.sources.mariadb.failures import DRIVER_ERRORS, translated
from gateway.sources.mariadb.layout import TRANSACTIONAL, Declared, Layout
from gateway.sources.mariadb.schema import QUERIES, described, part_of
from gateway.sources.mariadb.wire import Wire
from gateway.sources.render import sampling
from gateway.sources.render.mariadb import WIDE_OCTETS
from gateway.sources.table import Statement, Table
from gateway.terms.source_schema import SourceSchema

CONNECT_SECONDS: Final = 5.0
_KILL_SECONDS: Final = 0.4
"""For each step of ending a statement from a second connection: together less than a second."""

_MODE: Final = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
"""With backslash escapes, as statements are written; without ANSI quotes; CHAR without its padding."""
_SETUP: Final = (
    f"SET SESSION sql_mode = '{_MODE}'",
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION sql_select_limit = 18446744073709551615",  # a smaller one would cut answers without a word
    f"SET SESSION max_sort_length = {4 * WIDE_OCTETS}",  # what groups are told apart by is no longer
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
)
# MariaDB keeps a subquery's answers by the outer column's own collation, whatever the subquery compares: having
# answered for `acme` it would answer the same for `ACME`, and drop or let through the wrong rows (10.11).
_NO_CACHE: Final = "SET SESSION optimizer_switch = 'subquery_cache=off'"
_BEGIN: Final = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_TABLE: Final = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES"
    " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
)
_COLUMNS: Final = (
    "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, COALESCE(DATETIME_PRECISION, 0), COALESCE(CHARACTER_OCTET_LENGTH, 0)"
    " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
)
_WINDOW: Final = "SET @gateway_low = %s, @gateway_high = %s"
_RUNNING: Final = "SELECT ID FROM information_schema.PROCESSLIST WHERE ID = %s AND LEFT(INFO, %s) = %s"
_KILL: Final = "KILL QUERY %s"


class Session:
    """A context: connected on enter, disconnected on exit. Each statement begins with a comment that names the receipt.

    See reads.Line and reads.Session. `interrupt` may be called from any thread; the rest belongs to one.
    """

    makes_groups_once: Final = True
    has_typed_moments: Final = True

    def __init__(self, address: Address, *, source: str, receipt: str, deadline: float) -> None:
        self._address = address
        self._source = source
        self._tag = f"/* gateway {receipt} */"
        self._deadline = deadline
        self._check: Callable[[], None] = _never
        self._wire: Wire | None = None
        self._lock = threading.Lock()
        self._is_busy = False

    def begun(self, check: Callable[[], None]) -> Self:
        """`check` is asked between steps whether to go on."""
        self._check = check
        return self

    def __enter__(self) -> Self:
        self._check()
        try:
            self._wire = self._connected(min(CONNECT_SECONDS, self._seconds()))
            for statement in (*_SETUP, *self._own_words(self._wire), _BEGIN):
                self._rows(statement)
        except DRIVER_ERRORS as error:
            self._close()
            raise translated(error, source=self._source) from None
        except GatewayError:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.interrupt()
        self._close()

    def layout(self, path: tuple[str, ...], *, dataset: str) -> Layout:
        """What the table looks like in this transaction; nobody can change it before the transaction ends.

        Raises:
            Integrity: there is no such table, or it is a view.
            Unsupported: the table's engine keeps no snapshot.
        """
        if len(path) > 2:  # noqa: PLR2004 - database and table
            raise Unsupported(f"{dataset}: a table is named by at most database and table", code="source")
        database, name = path if len(path) > 1 else (self._address.database, path[0])
        found = [row for row in self._asked(_TABLE, (database, name)) if row[:2] == (database, name)]
        if not found:
            raise Integrity(f"{dataset}: the source has no such table", code="source.schema")
        if found[0][2] != "BASE TABLE":
            raise Integrity(f"{dataset}: a table is needed, not a view", code="source.schema")
        if str(found[0][3]).lower() not in TRANSACTIONAL:
            raise Unsupported(f"{dataset}: its storage engine keeps no snapshot; InnoDB does", code="source")
        # Touching the table locks its definition until the transaction ends; only then is it looked at.
        self._asked(f"SELECT 1 FROM {_quoted(database)}.{_quoted(name)} LIMIT 0", None)  # noqa: S608 - quoted
        columns = {
            str(column): Declared(
                type=str(kind).lower(),
                whole=str(whole).lower(),
                second_digits=int(str(digits)),
                octets=int(str(octets)),
            )
            for column, kind, whole, digits, octets in self._asked(_COLUMNS, (database, name))
        }
        return Layout(dataset=dataset, path=(database, name), columns=columns)

    def read(self, statement: Statement, *, table: Table, dataset: str) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        """The statement's rows: its outputs in their kinds, texts unchecked.

        Raises:
            Exhausted: past the deadline.
            Integrity: what came is not what was asked for.
            Unavailable: the connection broke, or the server refused.
        """
        self._check()
        self._is_busy = True
        try:
            for raw in self._connection.batches(f"{self._tag} {statement.sql}", deadline=self._deadline):
                self._check()
                yield _of_kinds(raw, statement)
        except DRIVER_ERRORS as error:
            raise translated(error, source=self._source, dataset=dataset) from None
        self._is_busy = False

    def described(self) -> SourceSchema:
        """What is in the database that the URL names."""
        self.be_quick()
        return described(self.facts, source=self._source)

    def be_quick(self) -> None:
        """Wait two seconds for a lock, and no longer."""
        self.facts(queries_of(QUERIES)["patience"])

    def sampled(self, drawn: Drawn) -> Iterator[pa.RecordBatch]:
        """Rows of all over the table by a key of whole numbers, else at random; else its first ones."""

        def read(statement: Statement, window: tuple[int, int] | None = None) -> Iterator[pa.RecordBatch]:
            if window is not None:
                self._asked(_WINDOW, window)
            yield from self.read(statement, table=drawn.table, dataset=drawn.dataset)

        def of(part: sampling.Part) -> Iterator[pa.RecordBatch]:
            return read(drawn.statement(part, drawn.rows))

        if drawn.key is not None:
            (edges,) = self.facts(sampling.edges(drawn.table, key=drawn.key, dialect=drawn.dialect))
            spread = by_windows(drawn, read, edges=edges)
        else:
            spread = by_part(part_of(drawn.row_estimate, rows=drawn.rows), of)
        return enough(spread, lambda: of(sampling.WHOLE), rows=drawn.rows)

    def facts(self, sql: str) -> Sequence[tuple[object, ...]]:
        """A question about the server or the account, never about a row.

        Raises:
            Unavailable: no answer.
        """
        return self._asked(sql, None)

    def interrupt(self) -> None:
        """End the statement that runs, if one does: here, and at the server from a second connection."""
        with self._lock:
            wire, is_busy, self._is_busy = self._wire, self._is_busy, False
        if wire is None or not is_busy:
            return
        wire.disconnect()
        try:
            with self._connected(_KILL_SECONDS) as killer, killer.cursor() as cursor:
                cursor.execute(f"{self._tag} {_RUNNING}", (wire.number, len(self._tag), self._tag))
                for row in cursor.fetchall():
                    cursor.execute(f"{self._tag} {_KILL}", row)
        except DRIVER_ERRORS:
            # No second connection was to be had. The server ends a statement that sends when it next sends, and any
            # other at max_statement_time: the first one is broken for good.
            return

    def _close(self) -> None:
        with self._lock:
            wire, self._wire = self._wire, None
        if wire is not None:
            wire.drop()

    @property
    def _connection(self) -> Wire:
        if self._wire is None:
            raise Unavailable(f"source {self._source}: not connected", code="source")
        return self._wire

    def _connected(self, seconds: float) -> Wire:
        address = self._address
        return Wire(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password.encode(),
            database=address.database,
            charset="utf8mb4",
            connect_timeout=seconds,
            read_timeout=seconds,
            write_timeout=seconds,
            autocommit=True,
            local_infile=False,
            ssl_ca=str(address.ssl_ca) if address.ssl_ca is not None else None,
            ssl_verify_cert=address.ssl_ca is not None or None,
            ssl_verify_identity=address.ssl_ca is not None or None,
            ssl_disabled=address.is_local and address.ssl_ca is None,
        )

    def _own_words(self, wire: Wire) -> Sequence[str]:
        """What MariaDB and MySQL call by names of their own; the deadline is counted in seconds and milliseconds."""
        seconds = self._seconds()
        if "MariaDB" in wire.version:
            return f"SET SESSION max_statement_time = {seconds:.3f}", _NO_CACHE
        return (f"SET SESSION max_execution_time = {max(1, int(seconds * 1000))}",)

    def _seconds(self) -> float:
        """Until the deadline; never none, which servers take for no limit."""
        return max(0.01, self._deadline - time.monotonic())

    def _asked(self, sql: str, parameters: Sequence[object] | None) -> list[tuple[object, ...]]:
        self._check()
        try:
            return self._rows(sql, parameters)
        except DRIVER_ERRORS as error:
            raise translated(error, source=self._source) from None

    def _rows(self, sql: str, parameters: Sequence[object] | None = None) -> list[tuple[object, ...]]:
        with self._connection.cursor() as cursor:
            self._is_busy = True
            cursor.execute(f"{self._tag} {sql}", parameters)
            self._is_busy = False
            return list(cursor.fetchall())


def _declared(kind: object, whole: object, digits: object, octets: object) -> Declared:
    return Declared(
        type=str(kind).lower(),
        whole=str(whole).lower(),
        second_digits=int(str(digits)),
        octets=int(str(octets)),
    )


def _of_kinds(raw: pa.RecordBatch, statement: Statement) -> pa.RecordBatch:
    if raw.num_columns != len(statement.kinds):
        raise ValueError("the answer has another number of columns")
    arrays = [
        cells.view(kind) if pa.types.is_string(kind) or pa.types.is_binary(kind) else cells.cast(pa.string()).cast(kind)
        for cells, kind in zip(raw.columns, statement.kinds, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=raw.schema.names)


def _never() -> None:
    """Nothing ends it early."""


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
